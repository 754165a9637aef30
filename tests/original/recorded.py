"""The recorded conversations of the original's own client and server, read from ``recordings``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.original import wire

RECORDINGS = Path(__file__).resolve().parent / "recordings"
NAMES = ("auth-accepted", "auth-refused", "http", "name-refused", "websocket")


@dataclass(frozen=True)
class Line:
    """One thing that one side sent: a handshake's ``head``, or a frame."""

    at: float
    sender: str
    head: tuple[str, ...] = ()
    opcode: int = 0
    payload: bytes = b""

    @property
    def message(self) -> wire.Message:
        """What a binary frame says."""
        said = wire.decode(self.payload)
        assert said is not None
        return said


def recording(name: str) -> list[Line]:
    """The lines of one conversation."""
    lines = (RECORDINGS / f"{name}.jsonl").read_text().splitlines()
    return [
        Line(
            each["t"],
            each["from"],
            tuple(each.get("head", ())),
            each.get("opcode", 0),
            bytes.fromhex(each.get("payload", "")),
        )
        for each in map(json.loads, lines)
    ]
