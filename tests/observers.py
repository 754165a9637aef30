"""An observer that writes down all that it is told, for tests of legs at either end."""

from sellia.protocol.messages import Headers, Opening, ResponseHead
from sellia.relay.mux.observer import EndedBy
from sellia.why.cause import Cause


class RecordingObserver:
    """``events`` are tuples: the event's name, the stream's number, and what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []
        #: Why streams have ended that did not end plainly well, as each end of the link says.
        self.causes: dict[int, list[Cause]] = {}

    def request(self, stream_id: int, opening: Opening) -> None:
        self.events.append(("request", stream_id, opening))

    def rewritten(self, stream_id: int, target: bytes, headers: Headers) -> None:
        self.events.append(("rewritten", stream_id, target, headers))

    def sent(self, stream_id: int) -> None:
        self.events.append(("sent", stream_id))

    def response(self, stream_id: int, head: ResponseHead) -> None:
        self.events.append(("response", stream_id, head))

    def body(self, stream_id: int, from_visitor: bool, data: bytes) -> None:
        assert data, "an observer is never told of empty data"
        self.events.append(("body", stream_id, from_visitor, data))

    def trailers(self, stream_id: int, from_visitor: bool, headers: Headers) -> None:
        assert headers, "an observer is never told of no trailers"
        self.events.append(("trailers", stream_id, from_visitor, headers))

    def frame(self, stream_id: int, from_visitor: bool, first: int, payload: bytes) -> None:
        self.events.append(("frame", stream_id, from_visitor, first, payload))

    def frame_begun(self, stream_id: int, from_visitor: bool, first: int, length: int) -> None:
        self.events.append(("begun", stream_id, from_visitor, first, length))

    def frame_continued(self, stream_id: int, from_visitor: bool, payload: bytes) -> None:
        self.events.append(("continued", stream_id, from_visitor, payload))

    def explained(self, stream_id: int, cause: Cause) -> None:
        self.causes.setdefault(stream_id, []).append(cause)

    def ended(self, stream_id: int, by: EndedBy, code: int | str | None, reason: str) -> None:
        self.events.append(("ended", stream_id, by, code, reason))

    def body_of(self, stream_id: int, from_visitor: bool) -> bytes:
        """All bytes of a body, one way."""
        wanted = ("body", stream_id, from_visitor)
        return b"".join(event[3] for event in self.events if event[:3] == wanted)  # type: ignore[misc]

    def check(self) -> None:
        """Each stream that was told of has ended once, and nothing was told of it after that."""
        ended: set[object] = set()
        for event in self.events:
            assert event[1] not in ended, f"told after the end: {event}"
            if event[0] == "ended":
                ended.add(event[1])
        assert ended == {event[1] for event in self.events}, "a stream has not ended"
