"""
Requests with one field that some take for Transfer-Encoding and others do not, and a Content-Length beside it.

The ways to spell it are those that the program *smuggler* tries, as facts: white space, control characters and letters
beyond ASCII before, inside and behind the name and the value, and fields that end in some way that is not an end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.hostile.visitors import HOST, get

NAME, VALUE = b"Transfer-Encoding", b"chunked"

SMUGGLED = get(b"/smuggled")

CONTROLS = (1, 4, 8, 9, 10, 11, 12, 13, 31, 32, 127, 160, 255)
"""Octets that the shorter corpus puts everywhere."""

ALL = (*range(1, 32), *range(127, 256))
"""Octets that the whole corpus puts around name and value."""


@dataclass(frozen=True)
class Mutation:
    """One spelling of the field, which may be more lines than one."""

    name: str
    field: bytes

    def request(self, length: int, body: bytes, target: bytes = b"/mutated") -> bytes:
        """A request with it."""
        lines = [b"POST " + target + b" HTTP/1.1", self.field, b"Host: " + HOST, b"Content-Length: %d" % length]
        return b"\r\n".join([*lines, b"", b""]) + body

    def requests(self) -> list[bytes]:
        """
        One whose length covers what a chunked reading takes for the next request, one whose length is too short for
        the chunks, and one whose length is one octet more than the last chunk.
        """
        behind = b"0\r\n\r\n" + SMUGGLED
        return [
            self.request(len(behind), behind),
            self.request(4, b"1\r\nZ\r\n0\r\n\r\n"),
            self.request(6, b"0\r\n\r\nX"),
        ]


def mutations(*, every: bool) -> Iterator[Mutation]:
    """The corpus; not ``every`` one leaves out most octets of those that come one by one."""
    named = {
        "plain": NAME + b": " + VALUE,
        "name after a space": b" " + NAME + b": " + VALUE,
        "value after a tab": NAME + b":\t" + VALUE,
        "colon between tabs": NAME + b"\t:\t" + VALUE,
        "colon after a space": NAME + b" : " + VALUE,
        "space for the hyphen": b"Transfer Encoding: chunked",
        "underscore for the hyphen": b"Transfer_Encoding: chunked",
        "space for the hyphen, none behind the colon": b"Transfer Encoding:chunked",
        "two spaces": NAME + b":  " + VALUE,
        "chunked, cow": NAME + b": chunked, cow",
        "cow, chunked": NAME + b": cow, chunked",
        "cow chunked bar": NAME + b": cow chunked bar",
        "content-encoding": b"Content-Encoding: chunked",
        "folded by a line feed": NAME + b":\n " + VALUE,
        "folded": NAME + b":\r\n " + VALUE,
        "double quotes": NAME + b': "chunked"',
        "single quotes": NAME + b": 'chunked'",
        "prefix": NAME + b": chunk",
        "mixed case": b"TrAnSFer-EnCODinG: cHuNkeD",
        "capitals": b"TRANSFER-ENCODING: CHUNKED",
        "carriage return in the name": b"Transfer\r-Encoding: chunked",
        "twice, the first another": NAME + b": cow\r\n" + NAME + b": chunked",
        "twice, the second another": NAME + b": chunked\r\n" + NAME + b": cow",
        "twice": NAME + b": chunked\r\n" + NAME + b": chunked",
        "identity": NAME + b": identity",
        "accent in the value": NAME + b": ch\x96nked",
        "accent in the name": b"Transf\x82r-Encoding: chunked",
        "behind a field and a carriage return": b"X:X\rTransfer-Encoding: chunked",
        "behind a field and a line feed": b"X:X\nTransfer-Encoding: chunked",
        "empty": NAME + b":",
        "comma": NAME + b": ,chunked",
    }
    for name, field in named.items():
        yield Mutation(name, field)
    for octet in ALL if every else CONTROLS:
        one = bytes((octet,))
        yield Mutation(f"{octet:02x} before the value", NAME + b":" + one + VALUE)
        yield Mutation(f"{octet:02x} behind the name", NAME + one + b": " + VALUE)
        yield Mutation(f"{octet:02x} before the name", one + NAME + b": " + VALUE)
        yield Mutation(f"{octet:02x} behind the value", NAME + b": " + VALUE + one)
    for octet in CONTROLS:
        one = bytes((octet,))
        yield Mutation(f"{octet:02x} between two fields", b"X: X" + one + NAME + b": " + VALUE)
        yield Mutation(f"{octet:02x} behind it and before another", NAME + b": " + VALUE + one + b"X: X")
        yield Mutation(f"0d{octet:02x} between two fields", b"X: X\r" + one + NAME + b": " + VALUE)
        yield Mutation(f"{octet:02x}0a between two fields", b"X: X" + one + b"\n" + NAME + b": " + VALUE)
        yield Mutation(f"0d{octet:02x} behind it", NAME + b": " + VALUE + b"\r" + one + b"X: X")
        yield Mutation(f"{octet:02x}0a behind it", NAME + b": " + VALUE + one + b"\nX: X")
