"""Limits of one WebSocket: sizes of frames and messages, fragments, control frames.

One set of rules for both directions and both ends.  A server holds its visitors to them, and what comes from its
clients as well; it tells the clients (`ServerLimits`), so that a service's frame that is too long ends where it begins.
Frames are streamed, so by default nothing limits their size.
"""

from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Final

from sellia.errors import LimitExceeded, ProtocolError
from sellia.problems import FRAME_TOO_LARGE, TOO_MANY_FRAMES, Problem
from sellia.protocol.messages import ServerLimits
from sellia.relay.limits.token_bucket import Rate
from sellia.text import size_of

#: Bytes of a frame or message that has no limit: more than a frame can say that it has (RFC 6455, section 5.2).
UNLIMITED: Final = 1 << 63

#: Where a user sets what a server applies, or tells its clients to apply.
AT_THE_SERVER: Final = "in the server's settings file"

#: What stands in its place at a client whose server tells it nothing.
_BY_DEFAULT: Final = "by default, for the server told the client none"


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """Limits of what one peer may send: bytes of a frame and of a message, its fragments, control frames.

    ``empty`` are fragments without a byte in a row.  Bytes are counted as they are on the wire, so compressed ones
    compressed.  ``where`` says where the limits are set, for people.
    """

    size: int = UNLIMITED
    message: int = UNLIMITED
    fragments: int = 131_072
    control: Rate = Rate(2000, 100.0)
    empty: int = 1000
    where: str = AT_THE_SERVER
    #: Bytes of a frame that is a whole message, at most.
    whole: int = field(init=False, default=UNLIMITED)

    def __post_init__(self) -> None:
        object.__setattr__(self, "whole", min(self.size, self.message))

    def exceeded(self, code: int, problem: Problem, what: str, setting: str) -> LimitExceeded:
        """Make the error of a peer that went past a limit; it says which, its value, and where it is set."""
        return LimitExceeded(f"{what}; {setting} {self.where}", code, problem)


class MessageMeter:
    """Meter of the data frames and messages that go one way, held to `FrameLimits`.

    It need not be shown frames that are whole messages of at most ``limits.whole`` bytes.
    """

    __slots__ = ("_empty", "_fragments", "_limits", "_size")

    def __init__(self, limits: FrameLimits) -> None:
        self._limits = limits
        self._fragments = self._empty = self._size = 0

    def frame(self, first: int, length: int) -> None:
        """Count a data frame that begins.  Raises LimitExceeded if it is one too many, or too long."""
        limits = self._limits
        if length > limits.size:
            what = f"a frame of more than {size_of(limits.size)}"
            raise limits.exceeded(1009, FRAME_TOO_LARGE, what, "websocket.frame_size")
        if first & 0x0F:
            self._fragments, self._empty, self._size = 1, 0, length
        else:
            self._fragments += 1
            self._size += length
            self._empty = 0 if length else self._empty + 1
        if self._size > limits.message:
            what = f"a message of more than {size_of(limits.message)}"
            raise limits.exceeded(1009, FRAME_TOO_LARGE, what, "websocket.message_size")
        if self._fragments > limits.fragments:
            what = f"a message of more than {limits.fragments:,} fragments"
            raise limits.exceeded(1009, FRAME_TOO_LARGE, what, "websocket.fragments")
        if self._empty > limits.empty:
            what = f"more than {limits.empty:,} empty fragments in a row"
            raise limits.exceeded(1008, TOO_MANY_FRAMES, what, "websocket.empty_fragments")


def as_told(limits: ServerLimits) -> FrameLimits:
    """Make the limits of a client from those that its server told; what is not told has our default.

    Raises ProtocolError for a value that is no limit.
    """
    sizes = limits.websocket_frame_limit, limits.websocket_message_limit
    counts = limits.websocket_fragments, limits.websocket_empty_fragments, limits.control_burst
    if min(*sizes, *counts) < 0 or not (isfinite(limits.control_rate) and limits.control_rate >= 0):
        raise ProtocolError("a limit in welcome is not one")
    own = FrameLimits(where=AT_THE_SERVER if limits.websocket_fragments else _BY_DEFAULT)
    return replace(
        own,
        size=sizes[0] or own.size,
        message=sizes[1] or own.message,
        fragments=counts[0] or own.fragments,
        empty=counts[1] or own.empty,
        control=Rate(counts[2] or own.control.burst, limits.control_rate or own.control.per_second),
    )
