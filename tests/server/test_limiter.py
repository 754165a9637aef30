"""The limits that the public side and the gateway share, as a visitor meets them."""

from base64 import b64encode
from dataclasses import replace
from http import HTTPStatus

from sellia.relay.limits.limit_log import LINES
from sellia.server.limiter import HEAD_LIMITS
from tests.server.support import GET, UPGRADE, VISITOR, ServerCase, Service, Visitor, get
from tests.transports.support import CLOSE, PING, TEXT, close, frame, frames, head


def login(password: bytes, *fields: bytes) -> bytes:
    """A request for the tunnel that asks for a password."""
    return get(b"/", b"Authorization: Basic " + b64encode(b"ann:" + password), *fields, host=b"locked.localhost")


def close_as(code: int, reason: str) -> bytes:
    """A visitor's close frame."""
    return frame(CLOSE, close(code, reason)[1])


class RequestRateTests(ServerCase):
    """So many requests to a tunnel at once, and so many in the long run."""

    settings = {"request_burst": 5, "request_rate": 2.0}

    def requests(self, count: int, request: bytes = GET) -> list[int]:
        """The status of each of so many requests, or 0 for one that came to the service."""
        seen = []
        for _ in range(count):
            visitor = self.stage.visitor(request)
            answer = visitor.read()
            seen.append(int(answer[9:12]) if answer else 0)
            if answer:
                self.assertIn(b"\r\nSellia-Error: rate-limited\r\n", answer)
                self.assertIn(b"\r\nRetry-After: 1\r\n", answer)
        return seen

    def test_a_burst_and_then_the_rate(self) -> None:
        self.assertEqual(self.requests(7), [0] * 5 + [HTTPStatus.TOO_MANY_REQUESTS] * 2)
        self.stage.wait(1)
        self.assertEqual(self.requests(3), [0, 0, 429])
        self.assert_counted(request_rate=3)

    def test_tunnels_do_not_share(self) -> None:
        self.stage.open_tunnel("other")
        self.requests(6)
        self.assertEqual(self.requests(1, get(host=b"other.localhost")), [0])

    def test_before_an_upgrade(self) -> None:
        self.requests(5)
        self.assertEqual(self.requests(1, UPGRADE), [429])
        self.assertEqual(self.stage.visitors[-1].end, "half")

    def test_the_connection_goes_on(self) -> None:
        """Who is told to wait need not connect anew, and pipelined requests are each told."""
        self.requests(5)
        visitor = self.stage.visitor(GET + GET)
        self.assert_answers(visitor, (429, "rate-limited"), (429, "rate-limited"))
        self.stage.wait(5)
        visitor.send(GET)
        self.assertEqual((len(self.stage.asked), visitor.end), (6, "open"))

    def test_names_that_nobody_has_cost_nothing(self) -> None:
        """Nobody can fill the table with names."""
        for number in range(20):
            self.stage.visitor(get(host=b"nobody%d.localhost" % number))
        assert self.stage.ingress.guard.requests is not None
        self.assertEqual(len(self.stage.ingress.guard.requests), 0)


class RoomTests(ServerCase):
    """Exchanges at once."""

    settings = {"tunnel_streams": 3}

    def test_of_one_tunnel(self) -> None:
        """Its neighbour of the same client has room, and there is room again when one is over."""
        self.stage.open_tunnel("other")
        self.stage.tunnels.by_name["other"] = replace(self.stage.tunnels.by_name["other"], tunnel_id=2)
        for _ in range(3):
            self.stage.ask()
        self.assert_answers(self.stage.visitor(GET), (503, "overloaded"))
        self.stage.ask(get(host=b"other.localhost"))
        self.assert_counted(tunnel_streams=1)
        self.stage.asked[0].answer()
        self.stage.ask()

    def test_of_one_client(self) -> None:
        self.stage.pair.server.session.max_streams = 2
        for _ in range(2):
            self.stage.ask()
        self.assert_answers(self.stage.visitor(UPGRADE), (503, "overloaded"))
        self.assert_counted(session_streams=1)

    def test_while_too_much_waits_for_its_link(self) -> None:
        self.stage.pair.cut()
        session = self.stage.pair.server.session
        session.load.queue_limit = 300
        self.stage.visitor(GET)
        self.assertTrue(session.load.crowded or self.stage.visitor(GET).read() == b"")
        while not session.load.crowded:
            self.stage.visitor(GET)
        self.assert_answers(self.stage.visitor(GET), (503, "overloaded"))
        self.assert_counted(session_queue=1)
        self.stage.pair.join()
        self.stage.talk()
        self.assertFalse(session.load.crowded)


class DefaultTests(ServerCase):
    def load(self, count: int) -> None:
        """So many requests in one moment, each answered."""
        visitor = self.stage.visitor()
        for _ in range(count):
            visitor.send(GET)
            self.stage.asked.pop().answer()

    def test_a_page_of_300_modules(self) -> None:
        """Loaded six times in one moment, by a team that looks at it together."""
        self.load(6 * 300)
        self.assert_counted()

    def test_the_default_has_an_edge(self) -> None:
        self.load(2000)
        self.assert_answers(self.stage.visitor(GET), (429, "rate-limited"))


class NoRateLimitTests(ServerCase):
    settings = {"rate_limit": False, "request_burst": 1}

    def test_as_often_as_anybody_likes(self) -> None:
        for _ in range(100):
            self.stage.ask()


class PasswordTests(ServerCase):
    """Who guesses a tunnel's password has so many guesses."""

    settings = {"auth_failures_burst": 3, "auth_failures_rate": 0.1, "trust_proxy": ["10.0.0.1"]}

    def test_guesses(self) -> None:
        lines = self.logged()
        visitor = self.stage.visitor()
        for _ in range(3):
            visitor.send(login(b"wrong"))
        self.assert_answers(visitor, *[(401, "unauthorized")] * 3)
        visitor.send(login(b"wrong"), login(b"s3cret"))
        answer = visitor.read()
        self.assertEqual(answer.count(b"HTTP/1.1 429 "), 2, "the right one is not looked at: it would tell")
        self.assertIn(b"\r\nRetry-After: 10\r\n", answer)
        self.assert_counted(failed_passwords=2)
        self.assertIn(f"limit reached: limit=failed_passwords peer={VISITOR} answer=429 suppressed=0", lines)
        self.assertNotIn("wrong", "".join(lines))
        self.stage.wait(10)
        visitor.send(login(b"s3cret"))
        self.assertEqual(len(self.stage.asked), 1)

    def test_the_right_one_costs_nothing(self) -> None:
        visitor = self.stage.visitor()
        for number in range(10):
            visitor.send(login(b"s3cret"))
            self.stage.asked[number].answer()

    def test_none_is_no_guess(self) -> None:
        """A browser asks without one first."""
        visitor = self.stage.visitor()
        for _ in range(10):
            visitor.send(get(host=b"locked.localhost"))
        self.assert_answers(visitor, *[(401, "unauthorized")] * 10)

    def test_others_are_let_in(self) -> None:
        """Who comes from elsewhere, and for another tunnel."""
        self.stage.open_tunnel("safe", "ann:s3cret")
        for _ in range(4):
            self.stage.visitor(login(b"wrong"))
        self.stage.visitor(login(b"s3cret"), host="192.0.2.1")
        self.stage.visitor(login(b"s3cret").replace(b"locked", b"safe"))
        self.assertEqual(len(self.stage.asked), 2)

    def test_behind_a_proxy(self) -> None:
        """It is the visitor who guesses, not the proxy; and only a trusted one is asked who that is."""
        for _ in range(4):
            self.stage.visitor(login(b"wrong", b"X-Forwarded-For: 192.0.2.1"), host="10.0.0.1")
        self.stage.visitor(login(b"s3cret", b"X-Forwarded-For: 192.0.2.2"), host="10.0.0.1")
        self.assertEqual(len(self.stage.asked), 1)
        for number in range(4):
            visitor = self.stage.visitor(login(b"wrong", b"X-Forwarded-For: 192.0.2.%d" % number), host="10.0.0.2")
        self.assert_answers(visitor, (429, "rate-limited"))


class HeadTests(ServerCase):
    """What is too large in a head is counted."""

    def test_counters(self) -> None:
        lines = self.logged()
        self.stage.visitor(get(b"/", b"X: " + b"x" * 70_000))
        self.stage.visitor(get(b"/", *[b"X: x"] * 129))
        self.stage.visitor(get(b"/" + b"x" * 9000))
        self.assert_counted(header_size=2, target_length=1)
        self.assertEqual(len([line for line in lines if line.startswith("limit reached: ")]), 3)
        self.assertEqual(set(HEAD_LIMITS.values()), {"header_size", "target_length"})

    def test_a_flood_of_them_is_a_few_lines(self) -> None:
        lines = self.logged()
        for _ in range(100):
            self.stage.visitor(get(b"/" + b"x" * 9000))
        self.assert_counted(target_length=100)
        told = [line for line in lines if not line.startswith("why: ")]
        self.assertEqual(len(told), 5)
        self.stage.wait(10)
        self.stage.visitor(get(b"/" + b"x" * 9000))
        told = [line for line in lines if not line.startswith("why: ")]
        self.assertTrue(told[-1].endswith("suppressed=95"), told[-1])


class WebSocketTests(ServerCase):
    """A WebSocket that is open, and goes too far."""

    settings = {
        "websocket_burst": 50,
        "websocket_rate": 10.0,
        "control_burst": 20,
        "websocket_frame_limit": 1000,
        "websocket_empty_fragments": 7,
    }

    def websocket(self) -> tuple[Visitor, Service]:
        visitor, service = self.stage.ask(UPGRADE)
        service.switch()
        visitor.read()
        return visitor, service

    def test_too_many_frames(self) -> None:
        lines = self.logged()
        visitor, service = self.websocket()
        visitor.send(*[frame(TEXT, b"x")] * 50)
        self.stage.wait(1)
        self.assertEqual(visitor.read(), b"")
        visitor.send(*[frame(TEXT, b"x")] * 30)
        self.stage.wait(1)
        reason = "rate-limited: more than 10 frames a second; websocket_rate in the server's settings file"
        verdict = close(1013, reason)
        self.assertEqual(frames(visitor.read()), ([verdict], b""))
        self.assertEqual((len(service.frames), service.frames[-1]), (81, verdict))
        self.assert_counted(websocket_rate=1)
        self.assertIn(f"limit reached: limit=websocket_rate peer={VISITOR} answer=1013 suppressed=0", lines)

    def test_another_websocket_has_no_burst_of_its_own(self) -> None:
        """Frames count for the visitor's address and the tunnel, however many WebSockets they come on."""
        first, second = self.websocket()[0], self.websocket()[0]
        for visitor in (first, second):
            visitor.send(*[frame(TEXT, b"x")] * 30)
        self.stage.wait(1)
        self.assert_counted(websocket_rate=1)
        self.assertEqual(sorted(bool(each.read()) for each in (first, second)), [False, True])
        third = self.websocket()[0]
        third.send(*[frame(TEXT, b"x")] * 25)
        self.stage.wait(1)
        self.assert_counted(websocket_rate=2)
        self.stage.wait(20)
        fourth = self.websocket()[0]
        fourth.send(*[frame(TEXT, b"x")] * 45)
        self.stage.wait(1)
        self.assert_counted(websocket_rate=2)

    def test_in_the_middle_of_a_frame(self) -> None:
        """It is closed as soon as a close frame has a place."""
        visitor, _ = self.websocket()
        visitor.send(*[frame(TEXT, b"x")] * 100, frame(TEXT, b"y" * 100)[:50])
        self.stage.wait(1)
        self.assertEqual(visitor.read(), b"")
        self.assert_counted()
        visitor.send(frame(TEXT, b"y" * 100)[50:], *[frame(TEXT, b"x")] * 100)
        self.stage.wait(1)
        self.assert_counted(websocket_rate=1)

    def test_violations_that_are_limits(self) -> None:
        """They are counted by name when they happen; what a visitor only says is not."""
        for said in (frame(PING) * 21, head(TEXT, 1001, True), frame(0x8F), close_as(4000, "too-many-frames: no")):
            visitor, _ = self.websocket()
            visitor.send(said)
            self.stage.clock.advance(0.1)
            self.stage.talk()
            visitor.leave()
        self.assert_counted(empty_frames=1, frame_size=1, websocket_violations=1)

    def test_violations_are_counted_once_and_told_in_one_line(self) -> None:
        """Each limit has lines of its own, and the story is the same as ever."""
        lines = self.logged()
        for _ in range(LINES.burst + 10):
            visitor, _ = self.websocket()
            visitor.send(frame(0x8F))
            self.assert_counted(websocket_violations=len(self.stage.asked))
            visitor.leave()
        visitor, _ = self.websocket()
        visitor.send(head(TEXT, 1001, True))
        told = [line for line in lines if line.startswith("websocket violation: ")]
        self.assertEqual(len(told), LINES.burst + 1)
        for line, by in zip(told, ["visitor"] * LINES.burst + ["sellia"], strict=True):
            story = f"^websocket violation: id=[0-9]+ .* path=/chat visitor={VISITOR} by={by} from=visitor code="
            self.assertRegex(line, story)
            self.assertTrue(line.endswith("suppressed=0"), line)
        self.assertEqual(len([line for line in lines if "websocket closed" in line]), LINES.burst + 10)
        self.stage.wait(10)
        visitor, _ = self.websocket()
        visitor.send(frame(0x8F))
        self.assertIn('code=1002 reason="bad-frame: ', lines[-1])
        self.assertTrue(lines[-1].endswith("suppressed=10"), lines[-1])

    def test_empty_fragments(self) -> None:
        """At the limit of the settings it goes on."""
        visitor, service = self.websocket()
        visitor.send(frame(0x01, b"x") + frame(0x00) * 7)
        self.assertEqual(len(service.frames), 8)
        self.assert_counted()
        visitor.send(frame(0x00))
        self.assert_counted(empty_frames=1)


class NoFrameRateTests(ServerCase):
    settings = {"rate_limit": False, "websocket_burst": 1, "websocket_rate": 1.0}

    def test_as_many_as_anybody_likes(self) -> None:
        visitor, service = self.stage.ask(UPGRADE)
        service.switch()
        visitor.read()
        visitor.send(frame(TEXT, b"x") * 1000)
        self.stage.wait(1)
        self.assertEqual((visitor.read(), len(service.frames)), (b"", 1000))


class DefectTests(ServerCase):
    """A defect of our own in looking after one connection: it is logged once, and no other goes without."""

    def test_a_connection(self) -> None:
        def defect(now: float) -> None:
            raise ZeroDivisionError

        visitor, late = self.stage.visitor(), self.stage.visitor(GET[:10])
        visitor.connection.check = defect
        self.stage.wait(10)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(visitor.end, "closed")
        self.assert_answers(late, (408, "request-timeout"))

    def test_a_websocket(self) -> None:
        def defect(now: float) -> float:
            raise ZeroDivisionError

        visitor, service = self.stage.ask(UPGRADE)
        service.switch()
        [pipe] = self.stage.ingress.pipes.open
        pipe.unread = defect
        self.stage.wait(1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(visitor.end, "aborted")

    def test_what_else_is_due(self) -> None:
        def defect(now: float) -> None:
            raise ZeroDivisionError

        called: list[float] = []
        self.stage.ingress.guard.each_second += [defect, called.append]
        self.stage.wait(2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertEqual(called, [1.0, 2.0])
