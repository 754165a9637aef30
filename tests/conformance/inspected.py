"""
Autobahn's cases of compression, as the inspector has recorded them: what it inflates is what was sent, all of it.

`python -m tests.conformance.inspected [CASES]` runs all of groups 12 and 13, a subgroup at a time, and `test_inspected`
a few.
The service is Autobahn's echo, which inflates and compresses by itself: whatever the timeline shows of the visitor must
be what it shows of the echo, whole, in order, without a gap. That the echo is what was sent is what the fuzzer tests.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sellia.inspector.decode.sockets import Readers
from sellia.inspector.exchange import Exchange
from sellia.inspector.model import BINARY, TEXT
from sellia.inspector.recording.reader import Recorded, read
from tests import processes
from tests.conformance.suite import DOMAIN, FULL_DEADLINE, SUBDOMAIN
from tests.conformance.verdicts import load

GROUPS = (*(f"12.{number}.*" for number in range(1, 6)), *(f"13.{number}.*" for number in range(1, 8)))

MEMORY = 1 << 30
"""Bytes that the client's inspector has, so that nothing waits for the disk in vain, and that the reader takes."""


@dataclass
class Inspected:
    """What was found in a recording: WebSockets and messages that were compared, and everything that was wrong."""

    sockets: int = 0
    messages: int = 0
    faults: list[str] = field(default_factory=list)


def run(cases: Sequence[str], directory: Path, deadline: float = FULL_DEADLINE) -> Inspected:
    """Run cases through a tunnel that is recorded, and compare."""
    directory = directory.absolute()
    config, file, out = directory / "client.yaml", directory / "traffic.sqlite", directory / "verdicts.json"
    config.write_text(f"inspector: {{listen: 0, memory: {MEMORY}, record: {file}}}\n")
    with ExitStack() as stack:
        port = processes.free_port()
        service = stack.enter_context(
            processes.start_python("-m", "tests.conformance.echo_server", str(port), "deflate", name="echo", port=port)
        )
        service.wait_for_port()
        server = stack.enter_context(processes.start_server("--no-rate-limit", domain=DOMAIN))
        client = stack.enter_context(
            processes.start_client(server.port, port, SUBDOMAIN, "--config", str(config), domain=DOMAIN)
        )
        arguments = [str(server.port), str(out), ",".join(cases), f"{SUBDOMAIN}.{DOMAIN}:{server.port}"]
        fuzzer = stack.enter_context(
            processes.start_python("-m", "tests.conformance.fuzz", "client", *arguments, name="fuzzing client")
        )
        if fuzzer.wait_for_exit(deadline) != 0:
            raise processes.ProcessError(f"the fuzzing client failed\n{fuzzer.output[-3000:]}")
        client.stop()
    found = compare(read(str(file), MEMORY))
    found.faults += [f"case {each.case} failed: {each.explanation}" for each in load(out) if not each.passes(True)]
    return found


def compare(recorded: Recorded) -> Inspected:
    """Compare what visitors have said with what they were answered, both inflated."""
    found = Inspected()
    if recorded.missing or recorded.damaged or recorded.store.lost.exchanges:
        found.faults.append(f"not all was recorded: {recorded.missing}, {recorded.damaged} damaged")
    readers = Readers()
    for exchange in recorded.store:
        if exchange.timeline is not None:
            found.sockets += 1
            _compare(exchange, readers, found)
    return found


def _compare(exchange: Exchange, readers: Readers, found: Inspected) -> None:
    line = exchange.timeline
    assert line is not None
    if line.gap is not None:
        found.faults.append(f"{exchange.id}: {line.gap.frames} frames are missing")
    said: dict[bool, list[bytes]] = {True: [], False: []}
    for message in line.messages():
        if message.opcode in (TEXT, BINARY):
            content = readers.content(exchange, message)
            if content.problem:
                found.faults.append(f"{exchange.id}, message {message.number}: {content.problem}")
            said[message.from_visitor].append(content.data)
    found.messages += len(said[True])
    for number, (sent, echoed) in enumerate(zip(said[True], said[False], strict=False)):
        if sent != echoed:
            found.faults.append(f"{exchange.id}: message {number} is not its echo")
    if len(said[True]) != len(said[False]):
        found.faults.append(f"{exchange.id}: {len(said[True])} messages, {len(said[False])} echoes")


def main(groups: Sequence[str]) -> int:
    status = 0
    for group in groups:
        with tempfile.TemporaryDirectory() as directory:
            found = run(group.split(","), Path(directory))
        print(
            f"{group}: {found.sockets} WebSockets, {found.messages:,} messages, {len(found.faults)} faults", flush=True
        )
        for each in found.faults[:20]:
            print(f"  {each}")
        status |= bool(found.faults) or not found.messages
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or GROUPS))
