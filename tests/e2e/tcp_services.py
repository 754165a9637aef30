"""Services that other people wrote, each on a port of loopback with everything it keeps in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.e2e.stage import PREPARE, program
from tests.processes import Process, free_port


def as_user(user: str, argv: Sequence[str]) -> list[str]:
    """A command line for a program that does not run as root."""
    if os.geteuid() != 0:
        return list(argv)
    return [program("setpriv"), f"--reuid={user}", f"--regid={user}", "--init-groups", *argv]


class Service:
    """A process that listens on ``port``, and its folder.  ``user`` is who owns the folder."""

    def __init__(self, user: str = "") -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="sellia-service-"))
        if user and os.geteuid() == 0:
            shutil.chown(self.folder, user, user)
        self.process: Process | None = None

    def run(self, *argv: str) -> None:
        """Start it, and wait until it listens."""
        self.process = Process(argv, cwd=self.folder)
        self.process.wait_for_port(self.port, 60)

    def close(self) -> None:
        if self.process is not None:
            self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def postgres_program(name: str) -> str:
    """A program of the newest PostgreSQL that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise SkipTest(f"postgresql is not installed; run `{PREPARE}` as root, or install it")
    return str(found[-1])


def start_postgres() -> Service:
    """PostgreSQL, which lets everybody in as ``postgres``."""
    initdb, postgres = postgres_program("initdb"), postgres_program("postgres")
    service = Service("postgres")
    data = str(service.folder / "data")
    init = as_user("postgres", [initdb, "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"])
    subprocess.run(init, check=True, capture_output=True, timeout=120, cwd=service.folder)
    options = ["listen_addresses=127.0.0.1", f"unix_socket_directories={service.folder}", "fsync=off"]
    settings = [word for each in options for word in ("-c", each)]
    service.run(*as_user("postgres", [postgres, "-D", data, "-p", str(service.port), *settings]))
    return service


def start_redis() -> Service:
    """Redis, in memory."""
    service = Service()
    service.run(program("redis-server"), "--port", str(service.port), "--bind", "127.0.0.1", "--save", "")
    return service


def start_sshd() -> Service:
    """OpenSSH, for the user of the test with the key in ``id``; `ssh_options` are what its clients need."""
    sshd, keygen = program("sshd"), program("ssh-keygen")
    service = Service()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "id"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(service.folder / name)], check=True)
    shutil.copy(service.folder / "id.pub", service.folder / "authorized")
    config = service.folder / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1\nPort {service.port}\nHostKey {service.folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {service.folder}/authorized\nStrictModes no\nPermitRootLogin yes\nUsePAM no\n"
        "PasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    service.run(sshd, "-D", "-e", "-f", str(config))
    return service


def ssh_options(service: Service) -> list[str]:
    """Options of ssh and scp that trust this service alone and ask nobody."""
    options = ["UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "BatchMode=yes", "LogLevel=ERROR"]
    return ["-F", "none", "-i", str(service.folder / "id"), *(word for each in options for word in ("-o", each))]


def start_mosquitto() -> Service:
    """An MQTT broker for everybody."""
    service = Service()
    config = service.folder / "mosquitto.conf"
    config.write_text(f"listener {service.port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    service.run(program("mosquitto"), "-c", str(config))
    return service


def start_iperf3() -> Service:
    """The server of iperf3."""
    service = Service()
    service.run(program("iperf3"), "--server", "--bind", "127.0.0.1", "--port", str(service.port))
    return service


def start_mariadb() -> Service:
    """MariaDB, which lets root in without a password."""
    mariadbd, install = program("mariadbd"), program("mariadb-install-db")
    service = Service("mysql")
    data = service.folder / "data"
    options = ["--no-defaults", f"--datadir={data}"]
    user = ["--user=mysql"] if os.geteuid() == 0 else []
    init = [install, *options, *user, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(init, check=True, capture_output=True, timeout=120)
    service.run(
        *(mariadbd, *options, *user, f"--port={service.port}", "--bind-address=127.0.0.1"),
        *(f"--socket={service.folder}/socket", f"--pid-file={service.folder}/pid", "--skip-log-bin"),
    )
    return service
