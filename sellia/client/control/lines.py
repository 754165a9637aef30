"""Requests and answers on the control socket: one JSON object on each line, in ASCII.

A request has ``command`` (``status``, ``stop``, ``reload``, ``inspector`` or ``why``); ``why`` may have ``id``, that
of a cause, or else asks for the latest; ``stop`` may have ``tunnel``, the name of
the one that is to be closed, and ``now``, to wait for nothing.  The answer is one line, or for ``stop`` any number of
them, and ends with the connection.  What went wrong is an answer with ``error``, a stable word, and ``message``, a
sentence.  Fields are only ever added.
"""

import json
from typing import Any, Final

from sellia.errors import SelliaError
from sellia.text import printable

#: Bytes of the line that asks, and seconds until it must be there.
REQUEST_LIMIT: Final = 4096
REQUEST_TIME: Final = 10.0

#: Bytes of a line that answers: 256 tunnels with 64 paths each are 3 MiB.
ANSWER_LIMIT: Final = 8 * 1024 * 1024

#: Seconds for the answers of all clients together.
ANSWER_TIME: Final = 5.0

COMMANDS: Final = ("status", "stop", "reload", "inspector", "why")


class ControlError(SelliaError):
    """A client, or whoever asks it, cannot do what was asked.  ``word`` is stable, `str` a sentence."""

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word


def encode(message: dict[str, Any]) -> bytes:
    """Return a line, its end included."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Return the object on a line.  Raises ControlError for anything else."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise ControlError("bad-line", "The line is not a JSON object.")
    return message


def request_of(line: bytes) -> tuple[str, str | None, bool]:
    """Return the command, the tunnel (or the id) and whether nothing is to be waited for.  Raises ControlError."""
    message = decode(line)
    command, now = message.get("command"), message.get("now", False)
    tunnel = message.get("id" if command == "why" else "tunnel")
    if not isinstance(command, str) or not (tunnel is None or isinstance(tunnel, str)) or not isinstance(now, bool):
        raise ControlError("bad-line", "The line has no command, or one of its fields is of another type.")
    if command not in COMMANDS:
        raise ControlError("unknown-command", f"This client does not know the command {printable(command, 32)}.")
    return command, tunnel, now
