"""Answers that come early, and ends that are slow: nothing is misread, lost, or kept without bound."""

from tests.server.support import GET, ServerCase, chunked, post

KIB = 1024


class EarlyAnswerTests(ServerCase):
    """An answer to a request that is still being sent: delivered, and nothing is read on as a request."""

    def test_the_rest_of_the_body_is_no_request(self) -> None:
        for answer in ("service", "reset"):
            visitor, service = self.stage.ask(post(b"", length=1000))
            if answer == "service":
                service.answer(b"too much", status=413)
                self.assertEqual(
                    visitor.read(),
                    b"HTTP/1.1 413 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo much",
                )
                self.assertEqual(service.reset, "response-complete")
            else:
                service.fail("service-refused")
                self.assert_answers(visitor, (502, "service-refused"))
            self.assertEqual(visitor.end, "half", "what is still sent is read, so that the answer is not lost")
            asked = len(self.stage.asked)
            visitor.send(GET, GET * 100)
            self.assertEqual(len(self.stage.asked), asked)
            self.assertEqual(visitor.read(), b"")
            self.stage.wait(3)
            self.assertEqual(visitor.end, "closed")

    def test_the_head_first_and_the_body_meanwhile(self) -> None:
        visitor, service = self.stage.ask(post(b"ab", length=4))
        service.head(200, (b"Content-Length", b"4"))
        self.assertIn(b"Connection: close\r\n", visitor.read())
        service.say(b"AB")
        visitor.send(b"cd")
        self.assertEqual((service.data, service.ended), (b"abcd", True))
        service.say(b"CD", end=True)
        self.assertEqual((visitor.read(), visitor.end), (b"ABCD", "closed"))

    def test_a_body_that_turns_out_to_be_none(self) -> None:
        """It is refused at once, although its request is with the service already."""
        visitor, service = self.stage.ask(chunked(b"hello"))
        visitor.send(b"xyz\r\n")
        self.assert_answers(visitor, (400, "bad-request"))
        self.assertEqual(service.reset, "bad-request")
        self.assertEqual(visitor.end, "half")

    def test_a_body_that_turns_out_to_be_none_under_the_answer(self) -> None:
        visitor, service = self.stage.ask(chunked(b"hello"))
        service.head()
        visitor.send(b"xyz\r\n")
        self.assertFalse(visitor.read().endswith(b"0\r\n\r\n"))
        self.assertEqual((visitor.end, service.reset), ("closed", "bad-request"))


class PressureTests(ServerCase):
    """A slow end slows the other one, and what was given is given back."""

    def test_a_visitor_who_does_not_read(self) -> None:
        """The service may send what a window holds, and goes on when the visitor does."""
        visitor, service = self.stage.ask()
        service.head()
        visitor.full()
        while not service.paused:
            service.say(b"x" * 16 * KIB)
        self.assertLess(len(visitor.read()), 400 * KIB)
        visitor.drained()
        self.assertFalse(service.paused)
        service.say(end=True)
        self.assertTrue(visitor.read().endswith(b"0\r\n\r\n"))

    def test_a_service_that_does_not_read(self) -> None:
        visitor, service = self.stage.ask(chunked())
        service.stream.stall()
        sent = 0
        while visitor.reading:
            visitor.send(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            sent += 0x4000
        self.assertLess(sent, 500 * KIB)
        service.stream.flow()
        self.stage.talk()
        self.assertTrue(visitor.reading)
        visitor.send(b"0\r\n\r\n")
        self.assertEqual((len(service.data), service.ended), (sent, True))

    def test_an_answer_that_still_waits_holds_credit_until_it_is_taken(self) -> None:
        """The next request starts behind it, on a connection that is full."""
        visitor, service = self.stage.ask()
        visitor.full()
        service.answer(b"x" * 100 * KIB)
        session = self.stage.pair.server.session
        self.assertGreater(session.table.held, 100 * KIB)
        visitor.send(GET)
        self.stage.asked[-1].answer(b"y" * 10 * KIB)
        self.assertGreater(session.table.held, 110 * KIB)
        visitor.drained()
        self.assertEqual(session.table.held, 0)

    def test_a_visitor_who_leaves_with_an_answer_unread(self) -> None:
        visitor, service = self.stage.ask()
        visitor.full()
        service.answer(b"x" * 100 * KIB)
        visitor.leave()
        self.assertEqual(self.stage.pair.server.session.table.held, 0)
