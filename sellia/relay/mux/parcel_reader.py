"""Reading of parcels in parts, so that one of many records does not hold up the reactor.

Bounds: ``RECORDS_AT_ONCE`` records in one part, and one parcel whose rest waits, which is as long as a message may be.
"""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Final

from sellia.protocol import native

#: Records of a parcel that are acted on in one go: half a millisecond, where each is a chunk of a response.
RECORDS_AT_ONCE: Final = 256

#: Bytes of a parcel that has no more records than that, which need not be read in parts.
SHORT_PARCEL: Final = native.PARCEL_HEADER + RECORDS_AT_ONCE * native.RECORD_HEADER

#: Kind, flags, stream and payload of a record.
Record = tuple[int, int, int, bytes]


class ParcelReader:
    """Hands the records of parcels to ``act``, which returns False once the session is over.

    ``part_done`` is called between two parts of a parcel, ``parcel_done`` with the parcel's ack behind the last.
    """

    __slots__ = ("_ack", "_act", "_parcel_done", "_part_done", "rest")

    def __init__(
        self,
        act: Callable[[Iterator[Record]], bool],
        part_done: Callable[[], None],
        parcel_done: Callable[[int], None],
    ) -> None:
        self._act = act
        self._part_done = part_done
        self._parcel_done = parcel_done
        #: Records of the last parcel that are left; None if there are none.
        self.rest: Iterator[Record] | None = None
        self._ack = 0

    def begin(self, parcel: bytes, ack: int) -> None:
        """Act on the first records of the next parcel."""
        self._ack = ack
        self.rest = native.records(parcel)
        self.go_on()

    def go_on(self) -> None:
        """Act on the next records of the parcel."""
        rest, self.rest = self.rest, None
        if rest is None or not self._act(islice(rest, RECORDS_AT_ONCE)):
            return
        following = next(rest, None)
        if following is None:
            self._parcel_done(self._ack)
            return
        self.rest = chain((following,), rest)
        self._part_done()

    def finish(self) -> None:
        """Act on all that is left."""
        while self.rest is not None:
            self.go_on()

    def drop(self) -> None:
        """Forget what is left: the session is over."""
        self.rest = None
