"""Assembly of link messages that arrive in several frames, or that Autobahn parses for another reason.

Need
    Both ends send a message as one frame, which never gets here (`sellia.transports.link.messages`).  A proxy between
    them may cut messages into fragments, and peers may do what they like.

Bounds
    A message has ``limit`` bytes and ``FRAGMENTS`` frames at most, and of one that is longer nothing is kept; unless
    there is a ``skip_limit``: up to that many bytes are read of it then, of which the first ``BEGINNING`` are kept, so
    that only the exchange ends that the message is about.  Text means nothing on a link, and is not kept.
"""

from typing import Final

from sellia.errors import ProtocolError
from sellia.protocol.limits import KIB

#: Frames in which a peer, or a proxy between, may send one link message.
FRAGMENTS: Final = 1024

#: Bytes that a fragment carries at least on average; one that carries less counts as input without effect.
FRAGMENT: Final = 1024

#: Bytes that are kept of a message that is skipped.
BEGINNING: Final = KIB


class MessageAssembly:
    """Takes the frames of one message after the other."""

    __slots__ = ("_binary", "_frames", "_limit", "_pieces", "_size", "_skip_limit", "skipped")

    def __init__(self, limit: int, skip_limit: int = 0) -> None:
        self._limit = limit
        self._skip_limit = max(limit, skip_limit)
        self._pieces: list[bytes] = []
        self._size = self._frames = 0
        self._binary = False
        #: Whether the message is longer than the limit, so that only its beginning is kept.
        self.skipped = False

    @property
    def kept(self) -> int:
        """Bytes that are kept."""
        return sum(map(len, self._pieces))

    def begin(self, binary: bool) -> None:
        """Begin a message."""
        self._pieces.clear()
        self._size = self._frames = 0
        self._binary = binary
        self.skipped = False

    def frame(self, length: int) -> bool:
        """Begin its next frame; return whether the message has more frames than its length justifies.

        Raises ProtocolError with 1009 for a message that is too long.
        """
        self._size += length
        self._frames += 1
        if self._size > self._skip_limit or self._frames > FRAGMENTS:
            self._pieces.clear()
            self.skipped = False
            raise ProtocolError("a link message is longer than the limit", 1009)
        if self._size > self._limit and not self.skipped:
            self.skipped = True
            self._pieces = [b"".join(self._pieces)[:BEGINNING]]
        return self._frames > 1 + self._size // FRAGMENT

    def data(self, payload: bytes) -> None:
        """Add bytes of that frame."""
        if not self._binary:
            return
        if not self.skipped:
            self._pieces.append(payload)
        elif len(self._pieces[0]) < BEGINNING:
            self._pieces[0] += payload[:BEGINNING]

    def end(self) -> bytes | None:
        """Return the message, or its beginning if it was skipped; None for text."""
        message = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        return message if self._binary else None
