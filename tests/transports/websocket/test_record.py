"""A WebSocket's story in the log: opened, closed by whom and with what, and the frames for who asks for them."""

from twisted.internet.task import Clock
from twisted.logger import LogLevel, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import LimitExceeded, ProtocolError
from sellia.problems import FRAME_TOO_LARGE, Problem
from sellia.transports.reactor.verbosity import verbosity
from sellia.transports.websocket.record import FRAME_LINES, WebSocketRecord
from tests.logs import log_events


class StoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events = log_events(self)

    @property
    def lines(self) -> list[str]:
        return [
            formatEvent(event)
            for event in self.events
            if event["log_namespace"] == "sellia.transports.websocket.record"
        ]

    def story(self, *, at_visitor: bool = True, target: bytes = b"/chat", **named: object) -> WebSocketRecord:
        return WebSocketRecord(7, "demo", target, "203.0.113.7", at_visitor=at_visitor, clock=self.clock, **named)  # type: ignore[arg-type]

    def test_opened(self) -> None:
        self.story()
        self.story(subprotocol="vite-hmr")
        self.assertEqual(
            self.lines,
            [
                "websocket opened: id=7 tunnel=demo path=/chat visitor=203.0.113.7 subprotocol=-",
                "websocket opened: id=7 tunnel=demo path=/chat visitor=203.0.113.7 subprotocol=vite-hmr",
            ],
        )

    def test_closed(self) -> None:
        story = self.story()
        story.received(0x81, 5)
        story.received(0x82, 1000)
        story.sent(0x81, 7)
        story.ended("visitor", 4001, "bye")
        self.clock.advance(1.5)
        story.over()
        self.assertEqual(
            self.lines[1],
            "websocket closed: id=7 tunnel=demo path=/chat by=visitor code=4001 reason=bye "
            "frames_in=2 bytes_in=1005 frames_out=1 bytes_out=7 seconds=1.500 cause=--7",
        )

    def test_closed_plainly_well(self) -> None:
        story = self.story(id="9f3a61c2-7")
        story.ended("visitor", 1001, "")
        story.over()
        self.assertIsNone(story.cause)
        self.assertTrue(self.lines[1].endswith(" seconds=0.000"))

    def test_silences_are_known_to_the_second(self) -> None:
        """Frames are not stamped when they pass: whoever looks finds what has come since."""
        story = self.story(id="9f3a61c2-7")
        story.received(0x81, 5)
        for _ in range(3):
            self.clock.advance(1)
            story.look(self.clock.seconds())
        story.sent(0x81, 5)
        story.dropped("visitor", "gone")
        self.clock.advance(0.5)
        story.over()
        assert story.cause is not None
        self.assertEqual(story.cause.id, "9f3a61c2-7")
        self.assertEqual((story.cause.who, story.cause.what), ("visitor", "dropped"))
        evidence = story.cause.evidence
        self.assertEqual((evidence["silent_in"], evidence["silent_out"], evidence["seconds"]), (2.5, 0.0, 3.5))

    def test_what_the_other_socket_was_never_sent(self) -> None:
        story = self.story(at_visitor=False, listening=lambda: False)
        for _ in range(5):
            story.received(0x81, 10)
        story.settle(3, 30)
        story.dropped("service", "gone")
        story.over()
        assert story.cause is not None
        self.assertEqual(story.cause.evidence["undelivered"], 2)
        self.assertEqual(story.cause.evidence["undelivered_bytes"], 20)
        self.assertEqual(story.cause.evidence["listening"], "no")

    def test_both_ends_count_from_the_visitor(self) -> None:
        for at_visitor, inward, outward in ((True, (1, 5), (2, 4)), (False, (2, 4), (1, 5))):
            story = self.story(at_visitor=at_visitor)
            story.received(0x81, 5)
            story.sent(0x81, 4)
            story.sent(0x81, 0)
            self.assertEqual((story.from_visitor, story.to_visitor), (inward, outward))

    def test_who_ended_it_first_did(self) -> None:
        story = self.story()
        story.ended("service", 1000, "")
        story.ended("visitor", 1001, "late")
        self.assertEqual((story.by, story.code, story.reason), ("service", 1000, ""))

    def test_nobody_did(self) -> None:
        self.story().over()
        self.assertIn(" by=sellia code=- reason=- ", self.lines[1])

    def test_violation(self) -> None:
        story = self.story()
        story.violated(ProtocolError("it was", 1002), "visitor")
        story.over()
        _, violation, closed = self.lines
        self.assertEqual(
            violation,
            "websocket violation: id=7 tunnel=demo path=/chat visitor=203.0.113.7 by=visitor from=visitor "
            'code=1002 reason="bad-frame: it was" suppressed=0',
        )
        self.assertIn('by=visitor code=1002 reason="bad-frame: it was" ', closed)
        self.assertEqual(self.events[1]["log_level"], LogLevel.warn)

    def test_violations_have_as_many_lines_as_the_counter_says(self) -> None:
        """It is asked once, when it can see what it was; the closing line tells all the same."""
        asked: list[tuple[Problem | None, str, int | None]] = []
        answers: list[int | None] = [None, 4]

        def suppressed(story: WebSocketRecord) -> int | None:
            asked.append((story.violation, story.visitor, story.code))
            return answers.pop(0)

        for _ in range(2):
            story = self.story(suppressed=suppressed)
            story.violated(LimitExceeded("it was", 1009, FRAME_TOO_LARGE), "visitor")
            story.over()
        self.assertEqual(asked, [(FRAME_TOO_LARGE, "203.0.113.7", 1009)] * 2)
        [line] = [line for line in self.lines if line.startswith("websocket violation: ")]
        self.assertTrue(
            line.endswith(' by=sellia from=visitor code=1009 reason="frame-too-large: it was" suppressed=4'), line
        )
        closed = [line for line in self.lines if ' by=sellia code=1009 reason="frame-too-large: it was" ' in line]
        self.assertEqual(len(closed), 2, "a limit is Sellia's own, so it is Sellia that ends it")

    def test_nothing_from_outside_steers_a_terminal(self) -> None:
        story = self.story(target=b"/\x1b[2J\r\n", subprotocol="\x1b]8;;")
        story.ended("visitor", 1000, "\x1b[31m\u202e\n")
        story.violated(ProtocolError("\x07", 1002), "visitor")
        story.over()
        for line in self.lines:
            self.assertTrue(line.isprintable(), line)

    def test_nothing_from_outside_forges_a_field(self) -> None:
        story = self.story(target=b"/a=b")
        story.ended("visitor", 1000, 'x by=sellia code=1011 reason="')
        story.over()
        self.assertIn(r' by=visitor code=1000 reason="x by=sellia code=1011 reason=\"" frames_in=', self.lines[1])
        self.assertIn(' path="/a=b" ', self.lines[0])

    def test_no_token_in_a_subprotocol(self) -> None:
        self.story(subprotocol="bearer.eyJhbGciOiJIUzI1NiJ9.e30.c2ln")
        self.assertTrue(self.lines[0].endswith(" subprotocol=bearer.…"), self.lines)

    def test_frames_are_told_to_who_asks(self) -> None:
        story = self.story()
        story.received(0x81, 5)
        self.assertEqual(len(self.lines), 1)
        self.patch(verbosity, "debug", True)
        story.received(0xC1, 5)
        story.sent(0x00, 70_000)
        self.assertEqual(
            self.lines[1:],
            [
                "websocket frame: id=7 from=visitor opcode=1 size=5 fin=1 rsv=4 suppressed=0",
                "websocket frame: id=7 from=service opcode=0 size=70000 fin=0 rsv=0 suppressed=0",
            ],
        )
        self.assertEqual(self.events[-1]["log_level"], LogLevel.debug)

    def test_a_flood_of_frames_is_some_lines(self) -> None:
        """Both ways together; the next line says how many had none, and at the end so does a last one."""
        self.patch(verbosity, "debug", True)
        story, other = self.story(), self.story()
        for _ in range(FRAME_LINES.burst):
            story.received(0x81, 5)
            story.sent(0x81, 5)
        other.received(0x81, 5)
        shown = [line.rpartition(" ")[2] for line in self.lines[2:]]
        self.assertEqual(shown, ["suppressed=0"] * (FRAME_LINES.burst + 1))
        self.clock.advance(2 / FRAME_LINES.per_second)
        for _ in range(3):
            story.received(0x81, 5)
        self.assertEqual(
            [line.rpartition(" ")[2] for line in self.lines[2:]],
            [*shown, f"suppressed={FRAME_LINES.burst}", "suppressed=0"],
        )
        story.over()
        other.over()
        self.assertEqual(self.lines[-3], "websocket frames without a line: id=7 suppressed=1")
        self.assertIn(f"frames_in={FRAME_LINES.burst + 3} ", self.lines[-2])
        self.assertEqual(len(self.lines), 2 + len(shown) + 2 + 3)

    def test_frames_that_nobody_wants_to_see_cost_nothing(self) -> None:
        story = self.story()
        for _ in range(FRAME_LINES.burst + 1):
            story.received(0x81, 5)
        self.assertIsNone(story._lines)
        story.over()
        self.assertEqual(len(self.lines), 2)

    def test_from_whom_at_the_other_end(self) -> None:
        self.patch(verbosity, "debug", True)
        story = self.story(at_visitor=False)
        story.received(0x81, 5)
        story.sent(0x81, 5)
        self.assertEqual([line.split()[3] for line in self.lines[1:]], ["from=service", "from=visitor"])

    def test_whoever_listens_is_told_once(self) -> None:
        told: list[WebSocketRecord] = []
        story = self.story(closed=told.append)
        self.clock.advance(2)
        story.over()
        story.over()
        self.assertEqual((told, story.seconds), ([story], 2.0))
