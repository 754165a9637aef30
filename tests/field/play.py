"""
Play one program: install it, serve it, visit it directly, through the tunnel, and while the link is cut; compare.

The tunnel is a real ``twistd sellia-server`` and a real ``twistd sellia-client``; its link goes through a fault proxy.
"""

from __future__ import annotations

import time
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.pairs import Cut
from tests.chaos.proxy import FaultProxy
from tests.field.install import Unavailable
from tests.field.program import DOMAIN, Kit, Outcome, Program, Way
from tests.processes import Process, ProcessError, start_server, start_twistd, tunnel_is_open

PLAYS = ("direct", "tunnel", "cut")
FAILED = "the visit failed"
"""The entry of an outcome that a visit did not come to."""


@dataclass
class Result:
    """What came of one program: ``verdict`` is ``good``, ``failed`` or ``skipped``."""

    name: str
    title: str
    tried: str
    version: str = ""
    verdict: str = "failed"
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    notes: str = ""
    cuts: int = 0
    seconds: float = 0.0
    output: str = ""

    def cell(self, play: str) -> str:
        """One play's outcome in a few words."""
        if play not in self.outcomes:
            return "-"
        outcome = self.outcomes[play]
        if play != "direct" and outcome == self.outcomes.get("direct"):
            return "the same" if play == "tunnel" else f"the same, {plural(self.cuts, 'cut')}"
        return describe(outcome)


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def describe(outcome: Outcome) -> str:
    """An outcome in one line."""
    return ", ".join(f"{key}: {value}" for key, value in outcome.items())


def play(program: Program, kind: Cut = Cut.RESET) -> Result:
    """Play ``program`` to its end; every trouble is in the result, and nothing is raised. ``kind`` is how links end."""
    result = Result(program.name, program.title, program.tried, notes=program.notes)
    began = time.monotonic()
    with ExitStack() as stack:
        try:
            folder = program.needs.ensure(program.name)
            result.version = program.needs.version(folder)
        except Unavailable as reason:
            result.verdict = "skipped"
            result.troubles.append(str(reason))
            return result
        began = time.monotonic()
        try:
            kit = _serve(program, folder, stack)
            _visit_three_times(program, kit, stack, result, kind)
        except Exception:
            result.troubles.append(f"could not be set up: {traceback.format_exc(limit=-3)}")
    result.seconds = time.monotonic() - began
    result.verdict = "failed" if result.troubles else "good"
    return result


def _serve(program: Program, folder: Path, stack: ExitStack) -> Kit:
    """Start the program; once more if it did not come up, since another process may have taken its port."""
    for attempt in (1, 2):
        kit = Kit(program.name, folder, stack)
        try:
            kit.service_port = program.serve(kit)
            break
        except ProcessError:
            if attempt == 2:
                raise
    return kit


def _visit_three_times(program: Program, kit: Kit, stack: ExitStack, result: Result, kind: Cut) -> None:
    port = kit.service_port
    front = program.front or (lambda kit, port: port)
    server = stack.enter_context(start_server(*program.server_options, domain=DOMAIN))
    proxy = stack.enter_context(FaultProxy(server.port))
    client = stack.enter_context(_start_client(program, proxy.port, port))
    _wait_for_tunnel(client, server.port, kit.host)
    ways = {"direct": Way(kit, front(kit, port)), "tunnel": Way(kit, front(kit, server.port))}
    ways["cut"] = Way(kit, ways["tunnel"].port, proxy, kind)
    for name in PLAYS:
        way = ways[name]
        try:
            result.outcomes[name] = program.visit(way)
        except Exception:
            result.outcomes[name] = {FAILED: traceback.format_exc(limit=0).strip().splitlines()[-1][:300]}
            result.troubles.append(f"{name}: {traceback.format_exc(limit=-1)}")
        finally:
            way.settle()
            result.cuts = way.cuts
    compare(program, result)
    for process in (server, client):
        if "Traceback" in process.output:
            begin = process.output.index("Traceback")
            result.troubles.append(f"an exception in the log of {process.name}: {process.output[begin:][:1500]}")
    result.output = f"--- server ---\n{server.output}\n--- client ---\n{client.output}"


def compare(program: Program, result: Result) -> None:
    """Put every entry that differs from the direct outcome into the result's troubles, or its notes."""
    direct = result.outcomes.get("direct", {})
    for name in PLAYS[1:]:
        outcome = result.outcomes.get(name, {})
        if FAILED in direct or FAILED in outcome:
            continue
        for key in sorted(direct.keys() | outcome.keys(), key=str):
            if direct.get(key) != outcome.get(key):
                if key in program.better:
                    note = f"{key}: {program.better[key]}"
                    if note not in result.notes:
                        result.notes = f"{result.notes}; {note}".strip("; ")
                else:
                    result.troubles.append(
                        f"{name}: {key} is {outcome.get(key)!r:.300}, directly {direct.get(key)!r:.300}"
                    )
    if not result.cuts and not result.troubles:
        result.troubles.append("cut: no link was there to be cut")


def _start_client(program: Program, server_port: int, service_port: int) -> Process:
    target = ["--server", f"http://127.0.0.1:{server_port}"]
    tunnel = ["--target", f"127.0.0.1:{service_port}", "--subdomain", program.name]
    return start_twistd("sellia-client", *target, *tunnel, *program.options)


def _wait_for_tunnel(client: Process, server_port: int, host: str) -> None:
    client.wait_for(lambda: tunnel_is_open(server_port, host), f"the tunnel {host}")
