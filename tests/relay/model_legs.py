"""The legs of the model: each says what a script tells it to, and compares what it hears with what its twin said."""

from collections import deque
from typing import Any

from sellia.problems import Problem, problem_of
from sellia.protocol.limits import RECORD_LIMIT
from sellia.protocol.messages import Ending, Headers, ResponseHead
from sellia.relay.mux.stream import Stream
from tests.relay.scripts import KIB

SIZES = (0, 1, 700, 5_000, 30_000, 64 * KIB - 64, 64 * KIB, 64 * KIB + 1, 150_000, 300_000)
PATTERN = b"".join(i.to_bytes(4, "big") for i in range(max(SIZES) // 4 + 64 * KIB))

HEAD = ResponseHead(200, b"OK", [])
TRAILERS: Headers = [(b"Digest", b"none")]
WORDS = {"cancelled", "internal", "overloaded", "session-expired", "client-gone"}


class Broken(Exception):
    """What a leg with a defect raises."""


class ModelLeg:
    """Says what the script tells it to, and compares what it hears with what the leg at the other end said."""

    def __init__(self, mood: str) -> None:
        self.mood = mood
        self.stream: Stream
        self.other: ModelLeg | None = None
        self.said: deque[list[Any]] = deque()
        self.offset = 0
        self.allowance = 0  # what it may still be given while it is stalled, in octets
        self.paused = False
        self.over = False  # the stream may not be used any more
        self.heard_end = False
        self.raising = False

    # --- what the script makes it do -----------------------------------------------------------------------

    @property
    def can_say(self) -> bool:
        return not self.over and not self.stream.local_ended and not self.paused

    def chunk(self, size: int) -> bytes:
        start = self.offset % (64 * KIB)
        self.offset += size * 7 + 1
        return PATTERN[start : start + size]

    def say_data(self, size: int, end: bool = False) -> None:
        data = self.chunk(size)
        self.said.append(["data", data])
        if end:
            self.said.append(["end", []])
        self.stream.send_data(data, end)

    def say_frame(self, size: int, first: int) -> None:
        payload = self.chunk(size)
        if size > RECORD_LIMIT:
            self.said.extend((["begin", first, size], ["more", payload]))
        else:
            self.said.append(["frame", first, payload])
        self.stream.send_frame(first, payload)

    def say_pieces(self, size: int) -> None:
        payload = self.chunk(size)
        self.said.extend((["begin", 0x82, size], ["more", payload]))
        self.stream.begin_frame(0x82, size)
        for half in (payload[: size // 3], payload[size // 3 :]):
            if not self.over:
                self.stream.continue_frame(half)

    def say_head(self, end: bool) -> None:
        self.said.append(["head", HEAD])
        if end:
            self.said.append(["end", []])
        self.stream.send_head(HEAD, end)

    def say_end(self, trailers: Headers | None) -> None:
        self.said.append(["end", trailers or []])
        self.stream.end(trailers)

    def stall(self) -> None:
        if not self.stream.receiving.stalled:
            self.allowance = self.stream.receiving.receivable
        self.stream.stall()

    def cancel(self) -> None:
        self.over = True
        self.stream.reset(problem_of("cancelled"), "by the script")

    # --- Leg -----------------------------------------------------------------------------------------------

    def _expect(self, *heard: Any) -> None:
        """The next that the other leg said is this; octets may come in other pieces than they were said in."""
        assert not self.over, "a leg was told something after the end of its stream"
        assert not self.heard_end, "something came after the end"
        if self.raising:
            self.raising = False
            self.over = True
            raise Broken
        assert self.other is not None
        said = self.other.said
        while said[0][0] in ("data", "more") and not said[0][1]:
            said.popleft()
        if heard[0] == "begin" and said[0][0] == "frame":  # a slow link cuts large frames into pieces
            _, first, payload = said.popleft()
            said.extendleft((["more", payload], ["begin", first, len(payload)]))
        if heard[0] in ("data", "more"):
            octets = memoryview(heard[1])
            if self.stream.receiving.stalled:
                self.allowance -= len(octets)
                assert self.allowance >= 0, "a reader that reads nothing was given more than its credit"
            while octets:
                kind, payload = said[0]
                assert kind == heard[0], (kind, heard[0])
                size = min(len(octets), len(payload))
                assert octets[:size] == payload[:size], "octets were changed, lost, doubled or reordered"
                said[0][1] = memoryview(payload)[size:]
                octets = octets[size:]
                if not said[0][1]:
                    said.popleft()
        else:
            assert said.popleft() == list(heard)

    def _feel(self) -> None:
        """What a leg does inside of the call that tells it something."""
        mood = self.mood
        if mood == "slow":
            self.stall()
        elif mood == "echo" and self.can_say:
            self.say_data(500)
        elif mood == "quitter":
            self.cancel()

    def head_received(self, head: ResponseHead) -> None:
        self._expect("head", head)

    def data_received(self, data: bytes) -> None:
        self._expect("data", data)
        self._feel()

    def frame_received(self, first: int, payload: bytes) -> None:
        self._expect("frame", first, payload)
        self._feel()

    def frame_begun(self, first: int, length: int) -> None:
        self._expect("begin", first, length)

    def frame_continued(self, payload: bytes) -> None:
        self._expect("more", payload)
        self._feel()

    def ending_received(self, ending: Ending) -> None:
        self._expect("ending", ending)

    def end_received(self, trailers: Headers) -> None:
        self._expect("end", trailers)
        self.heard_end = True
        if self.mood == "slow":
            self.stall()
        elif self.mood == "echo" and not self.stream.local_ended:
            self.say_end(None)

    def reset_received(self, problem: Problem, message: str) -> None:
        assert not self.over, "told of a reset after the end"
        assert problem.code in WORDS
        self.over = True

    def pause_sending(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_sending(self) -> None:
        assert self.paused
        self.paused = False
        if self.mood == "echo" and self.can_say:
            self.say_data(3_000)
