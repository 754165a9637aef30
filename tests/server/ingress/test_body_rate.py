"""Who is too slow with the body of a request."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.server.ingress.body_rate import LOOK, MinimumRate
from sellia.server.ingress.closing import LINGER
from sellia.server.settings import ServerSettings
from tests.server.support import ServerCase, chunked, get, post

SETTINGS = ServerSettings(body_rate=100, body_grace=20)


class BodyPaceTests(SynchronousTestCase):
    def looks(self, pace: MinimumRate, came: int, seconds: float = 1.0) -> int:
        """Looks that it passes, at so many octets for each; a thousand at most."""
        return next((number for number in range(1000) if pace.lags(came, seconds)), 1000)

    def test_nothing_comes(self) -> None:
        self.assertEqual(self.looks(MinimumRate(SETTINGS), 0), 20)

    def test_half_the_rate(self) -> None:
        self.assertEqual(self.looks(MinimumRate(SETTINGS), 50), 40)

    def test_the_rate(self) -> None:
        """Exactly that is enough for ever, and one octet less is not."""
        self.assertEqual(self.looks(MinimumRate(SETTINGS), 100), 1000)
        pace = MinimumRate(SETTINGS)
        self.assertFalse(any(pace.lags(99, 1.0) for _ in range(1999)))
        self.assertTrue(any(pace.lags(99, 1.0) for _ in range(3)))

    def test_a_server_that_was_busy_blames_nobody(self) -> None:
        """A look that comes a minute late counts for no more than two seconds."""
        self.assertEqual(self.looks(MinimumRate(SETTINGS), 0, 60.0), 20 / LOOK)


class SlowBodyTests(ServerCase):
    """A body that comes too slowly is refused; one that we do not read is not."""

    def test_one_octet_a_second(self) -> None:
        for request in (post(b"", length=1000), chunked(b"")[:-5] + b"3e8\r\n"):
            visitor, service = self.stage.ask(request)
            for _ in range(20):
                visitor.send(b"x")
                self.stage.wait(1)
            self.assertEqual(visitor.end, "open")
            self.stage.wait(1)
            self.assert_answers(visitor, (408, "request-timeout"))
            self.assertEqual((service.reset, visitor.end), ("request-timeout", "half"))
            visitor.send(b"x" * 900 + get())
            self.stage.wait(LINGER + 1)
            self.assertEqual(visitor.end, "closed")
        self.assertEqual(len(self.stage.asked), 2, "what follows is no request")
        self.assert_counted(body_rate=2)

    def test_nothing_comes(self) -> None:
        visitor, _ = self.stage.ask(post(b"", length=1))
        self.stage.wait(20)
        self.assertEqual(visitor.read(), b"")
        self.stage.wait(1)
        self.assert_answers(visitor, (408, "request-timeout"))

    def test_to_a_page_of_our_own(self) -> None:
        visitor = self.stage.visitor(post(b"a", length=1000).replace(b"demo.", b""))
        self.assert_answers(visitor, (404, "no-such-page"))
        self.stage.wait(LINGER + 1)
        self.assertEqual(visitor.end, "closed")

    def test_the_service_does_not_read(self) -> None:
        """As long as we do not read, what does not come is not missed."""
        visitor, service = self.stage.ask(post(b"", length=10 << 20))
        service.stream.stall()
        while visitor.reading:
            visitor.send(b"x" * 65536)
        self.stage.wait(25)
        self.assertEqual(visitor.read(), b"HTT", "the beginning of an answer, to see whether anybody is there")
        service.stream.flow()
        self.stage.talk()
        self.assertTrue(visitor.reading)
        visitor.send(b"x")
        self.assert_counted()

    def test_what_came_before_counts(self) -> None:
        """Ten thousand octets at once are a hundred seconds at the rate."""
        visitor, _ = self.stage.ask(post(b"x" * 10_000, length=10_001))
        self.stage.wait(115)
        self.assertEqual(visitor.read(), b"")
        self.stage.wait(6)
        self.assert_answers(visitor, (408, "request-timeout"))

    def test_what_came_while_another_was_answered_counts(self) -> None:
        """A request that was pipelined with much of its body has gained as much time as any."""
        visitor = self.stage.visitor(get() + post(b"x" * 10_000, length=10_001))
        self.stage.wait(10)
        self.stage.asked[0].answer()
        self.stage.wait(110)
        self.assert_answers(visitor, (200, None))
        self.assertEqual(len(self.stage.asked[1].data), 10_000)
        self.stage.wait(15)
        self.assert_answers(visitor, (408, "request-timeout"))

    def test_the_next_request_starts_anew(self) -> None:
        visitor = self.stage.visitor()
        for _ in range(3):
            visitor.send(post(b"a", length=2))
            self.stage.wait(15)
            visitor.send(b"b")
            self.stage.asked[-1].answer()
            self.assert_answers(visitor, (200, None))

    def test_who_is_answered_already(self) -> None:
        """Both ways at once is allowed, at whatever pace."""
        visitor, service = self.stage.ask(chunked(b"a"))
        service.head()
        for _ in range(10):
            self.stage.wait(60)
            visitor.send(b"1\r\nx\r\n")
        self.assertEqual(service.data, b"a" + b"x" * 10)

    def test_who_expects_a_100(self) -> None:
        visitor, service = self.stage.ask(post(b"", b"Expect: 100-continue", length=1))
        self.stage.wait(49)
        service.head(100)
        visitor.send(b"x")
        self.assertEqual((service.data, service.ended), (b"x", True))
