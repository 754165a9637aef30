"""
A client whose address changes: taken away, and another one given, as when a laptop changes networks.

The client and the service live in a network namespace of their own, with one wire to the server. That takes root,
iproute2 and a kernel that allows it; where it can't be had, the scenario says so and is not counted as a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.chaos.links import QUICK
from tests.chaos.report import Plan, Report
from tests.chaos.stage import Probe, Stage, finish
from tests.processes import Process

_ID = os.getpid()
NAMESPACE = f"sellia-{_ID}"
OUTER, INNER = f"so{_ID}", f"si{_ID}"
"""The ends of the wire; an interface's name has 15 characters at most."""

NETWORK = f"10.{213 + _ID % 40}.{_ID // 256 % 256}"
SERVER = f"{NETWORK}.1"


class WanderingStage(Stage):
    """A stage whose client and service are in the namespace, and reach the server without the fault proxy."""

    bind = "0.0.0.0"

    @property
    def link_address(self) -> str:
        return f"{SERVER}:{self.server_port}"

    def start(self, role: str, module: str, *arguments: str) -> Process:
        if role == "server":
            return super().start(role, module, *arguments)
        inside = ["ip", "netns", "exec", NAMESPACE]
        return Process([*inside, sys.executable, "-m", module, *arguments], name=role)

    def wait_for_service(self) -> None:
        self.service.wait_for_line("^listening$")


def wander(plan: Plan) -> Report:
    """The client's address changes under load, again and again: its session goes on from each new one."""
    report = Report("wander")
    reason = why_not()
    if reason:
        report.note(f"skipped: {reason}")
        return report
    with (
        wire(),
        WanderingStage(server=QUICK, client=QUICK) as stage,
        stage.load(seed=plan.seed, websockets=plan.visitors(50), downloads=3, uploads=3, events=5) as load,
        Probe(stage.server_port, stage.host) as probe,
    ):
        report.recovered("a round trip in quiet", probe.round_trip())
        for number in range(plan.faults(20)):
            before, after = (f"{NETWORK}.{2 + (number + step) % 200}" for step in (0, 1))
            _ip("-n", NAMESPACE, "address", "delete", f"{before}/24", "dev", INNER)
            _ip("-n", NAMESPACE, "address", "add", f"{after}/24", "dev", INNER)
            report.recovered("a round trip from the new address on", probe.round_trip())
        report.expect_recovery(
            "a round trip from the new address on", QUICK["ping_timeout"] + 0.5, QUICK["ping_timeout"] + 2.0
        )
        report.expect(stage.sessions == 1, "a session was lost")
        report.expect_nothing_seen(finish(load))
    return report


def why_not() -> str:
    """Why there can be no namespace here; empty if there can."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    try:
        with wire():
            return ""
    except subprocess.CalledProcessError as error:
        return f"this machine does not allow it: {error.stderr.strip()}"


@contextmanager
def wire() -> Iterator[None]:
    """The namespace, its loopback, and the wire with its first addresses."""
    _ip("netns", "add", NAMESPACE)
    try:
        _ip("link", "add", OUTER, "type", "veth", "peer", "name", INNER, "netns", NAMESPACE)
        _ip("address", "add", f"{SERVER}/24", "dev", OUTER)
        _ip("link", "set", OUTER, "up")
        _ip("-n", NAMESPACE, "link", "set", "lo", "up")
        _ip("-n", NAMESPACE, "address", "add", f"{NETWORK}.2/24", "dev", INNER)
        _ip("-n", NAMESPACE, "link", "set", INNER, "up")
        yield
    finally:
        # A namespace goes away some time after it was deleted; its wire would be there until then.
        with suppress(subprocess.CalledProcessError):
            _ip("link", "delete", OUTER)
        _ip("netns", "delete", NAMESPACE)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
