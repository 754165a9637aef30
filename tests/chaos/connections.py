"""TCP tunnels under cuts: programs that other people wrote work at once, and none of them loses or repeats a byte."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from tests.chaos.links import one_cut
from tests.chaos.report import Plan, Report
from tests.e2e.stage import program
from tests.e2e.tcp_services import (
    Service,
    postgres_program,
    ssh_options,
    start_mosquitto,
    start_postgres,
    start_redis,
    start_sshd,
)
from tests.e2e.tcp_stage import TcpStage

GIB = 1 << 30
DEADLINE = 1800.0


def connections(plan: Plan) -> Report:
    """PostgreSQL, Redis, OpenSSH and an MQTT broker on one client, whose link is cut in every way."""
    report = Report("connections")
    choose = random.Random(f"connections {plan.seed}")
    with ExitStack() as stack:
        services: dict[str, Service] = {}
        for name, start in _SERVICES.items():
            services[name] = start()
            stack.callback(services[name].close)
        stage = TcpStage({name: service.port for name, service in services.items()})
        stack.callback(stage.close)
        works = {name: _Work(name, partial_of(work, stage, services, plan)) for name, work in _WORKS.items()}
        for work in works.values():
            work.start()
        wanted = plan.faults(200)
        while stage.proxy.ended < wanted:
            one_cut(stage.proxy, choose)
            time.sleep(choose.uniform(0.0, 0.2))
            if not any(work.is_alive() for work in works.values()):
                for name, each in works.items():
                    report.expect(each.error is None, f"{name}: {each.error}")
                if report.failures:
                    return report
                works = {name: _Work(name, partial_of(work, stage, services, plan)) for name, work in _WORKS.items()}
                for each in works.values():
                    each.start()
        for name, each in works.items():
            each.join(DEADLINE)
            report.expect(not each.is_alive(), f"{name} has not ended")
            report.expect(each.error is None, f"{name}: {each.error}")
            report.note(f"{name}: {each.seconds:.1f} s")
        report.note(f"{stage.proxy.ended} connections cut, {stage.proxy.accepted} made")
        report.expect("Traceback" not in stage.server.output + stage.client.output, "an exception escaped into a log")
        report.expect(stage.server.output.count("session opened") == 1, "the session was lost")
    return report


class _Work(threading.Thread):
    """A program at work, and what became of it."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self.error: BaseException | None = None
        self.seconds = 0.0

    def run(self) -> None:
        began = time.monotonic()
        try:
            self._work()
        except BaseException as error:
            self.error = error
        self.seconds = time.monotonic() - began


def partial_of(
    work: Callable[[TcpStage, Service, Plan], None], stage: TcpStage, services: dict[str, Service], plan: Plan
) -> Callable[[], None]:
    """A piece of work, ready to be done."""
    return lambda: work(stage, services[_SERVICE_OF[work]], plan)


def _run(argv: list[str], stdin: bytes = b"") -> bytes:
    done = subprocess.run(argv, input=stdin, capture_output=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, (argv, done.stdout[-1000:], done.stderr[-1000:])
    return done.stdout


def _pgbench(stage: TcpStage, service: Service, plan: Plan) -> None:
    host = ["-h", "127.0.0.1", "-p", str(stage["postgres"]), "-U", "postgres"]
    pgbench = postgres_program("pgbench")
    _run([pgbench, *host, "-i", "-q", "-s", "1", "postgres"])
    said = _run([pgbench, *host, "-c", "4", "-j", "2", "-T", str(max(3, round(30 * plan.load))), "postgres"])
    assert b"number of failed transactions: 0" in said, said


def _redis(stage: TcpStage, service: Service, plan: Plan) -> None:
    host = ["-h", "127.0.0.1", "-p", str(stage["redis"])]
    count = max(1000, round(500_000 * plan.load))
    commands = b"".join(b"INCR counter\r\nSET key:%d %d\r\n" % (number, number) for number in range(count))
    _run([program("redis-cli"), *host, "set", "counter", "0"])
    said = _run([program("redis-cli"), *host, "--pipe"], commands)
    assert b"errors: 0, replies: %d" % (2 * count) in said, said
    said = _run([program("redis-cli"), *host, "get", "counter"])
    assert int(said) == count, f"{count} increments made {said!r}"


def _scp(stage: TcpStage, service: Service, plan: Plan) -> None:
    options = [*ssh_options(service), "-P", str(stage["sshd"])]
    source, target = service.folder / "source", service.folder / "target"
    block = os.urandom(1 << 20)
    blocks = max(1, round(GIB * plan.load) >> 20)
    digest = hashlib.sha256()
    with source.open("wb") as file:
        for number in range(blocks):
            piece = number.to_bytes(8, "big") + block[8:]
            digest.update(piece)
            file.write(piece)
    for here, there in ((str(source), f"127.0.0.1:{target}"), (f"127.0.0.1:{source}", str(target))):
        target.unlink(missing_ok=True)
        _run([program("scp"), *options, here, there])
        with target.open("rb") as file:
            found = hashlib.file_digest(file, "sha256")
        assert found.digest() == digest.digest(), "the file is another one"


def _mqtt(stage: TcpStage, service: Service, plan: Plan) -> None:
    host = ["-h", "127.0.0.1", "-p", str(stage["mosquitto"]), "-q", "1", "-t", "news"]
    count = max(200, round(20_000 * plan.load))
    subscriber = subprocess.Popen(
        [program("mosquitto_sub"), *host, "-C", str(count + 1)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert subscriber.stdout is not None
        _run([program("mosquitto_pub"), *host, "-r", "-m", "retained"])
        assert subscriber.stdout.readline() == b"retained\n"
        lines = [b"message %d\n" % number for number in range(count)]
        _run([program("mosquitto_pub"), *host, "-l"], b"".join(lines))
        assert subscriber.stdout.readlines() == lines, "messages were lost, doubled or reordered"
    finally:
        subscriber.kill()
        subscriber.wait()


_SERVICES: dict[str, Callable[[], Service]] = {
    "postgres": start_postgres,
    "redis": start_redis,
    "sshd": start_sshd,
    "mosquitto": start_mosquitto,
}
_WORKS: dict[str, Callable[[TcpStage, Service, Plan], None]] = {
    "pgbench": _pgbench,
    "redis-cli": _redis,
    "scp": _scp,
    "mosquitto": _mqtt,
}
_SERVICE_OF: dict[Callable[[TcpStage, Service, Plan], None], str] = {
    _pgbench: "postgres",
    _redis: "redis",
    _scp: "sshd",
    _mqtt: "mosquitto",
}
