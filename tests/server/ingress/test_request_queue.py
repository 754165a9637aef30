"""Requests of one connection: in which order they are answered, and what is taken for one."""

import gc
import tracemalloc

from sellia.server.ingress.request_queue import AT_ONCE
from sellia.transports.reactor.sockets import READ
from tests.server.support import GET, LateTransport, ServerCase, Visitor, answers, chunked, get, post

BAD = b"GET / HTTP/1.1\r\nHost : demo.localhost\r\n\r\n"


class PipelineTests(ServerCase):
    """Requests that come before their predecessors are answered."""

    def test_in_order(self) -> None:
        visitor = self.stage.visitor(b"".join(get(b"/%d" % number) for number in range(5)))
        for number in range(5):
            self.assertEqual([each.target for each in self.stage.asked], [b"/%d" % each for each in range(number + 1)])
            self.stage.asked[-1].answer(b"<%d>" % number)
        data = visitor.read()
        self.assertEqual([data.count(b"<%d>" % number) for number in range(5)], [1] * 5)
        self.assertEqual(sorted(range(5), key=lambda number: data.index(b"<%d>" % number)), list(range(5)))
        self.assertEqual(visitor.end, "open")

    def test_reading_waits(self) -> None:
        visitor = self.stage.visitor(GET * 3)
        self.assertFalse(visitor.reading)
        self.stage.asked[-1].answer()
        self.assertFalse(visitor.reading)
        self.stage.asked[-1].answer()
        self.assertTrue(visitor.reading)
        self.stage.asked[-1].answer()
        self.assertEqual(len(self.stage.asked), 3)

    def test_different_tunnels_pages_and_problems(self) -> None:
        visitor = self.stage.visitor(GET + get(host=b"nobody.localhost") + get(host=b"localhost") + GET)
        self.assertEqual(visitor.read(), b"")
        self.stage.asked[0].answer()
        self.assert_answers(visitor, (200, None), (404, "no-such-tunnel"), (404, "no-such-page"))
        self.stage.asked[1].answer()
        self.assert_answers(visitor, (200, None))

    def test_problems_only(self) -> None:
        visitor = self.stage.visitor(get(host=b"nobody.localhost") * 50)
        self.assert_answers(visitor, *[(404, "no-such-tunnel")] * 50)
        self.assertTrue(visitor.reading)

    def test_bodies(self) -> None:
        whole = post(b"first") + chunked(b"sec", b"ond") + b"0\r\nX-T: v\r\n\r\n" + post(b"third", length=8)
        visitor = self.stage.visitor(whole)
        self.stage.asked[0].answer()
        self.stage.asked[1].answer()
        self.assertEqual([each.data for each in self.stage.asked], [b"first", b"second", b"third"])
        self.assertEqual(self.stage.asked[1].events[-1], ("end", [(b"X-T", b"v")]))
        self.assertFalse(self.stage.asked[2].ended)
        visitor.send(b"...")
        self.assertEqual((self.stage.asked[2].data, self.stage.asked[2].ended), (b"third...", True))
        self.stage.asked[2].answer()
        self.assert_answers(visitor, (200, None), (200, None), (200, None))

    def test_a_refused_request_is_answered_in_its_turn(self) -> None:
        visitor = self.stage.visitor(GET + GET + BAD + GET)
        self.stage.asked[0].answer(b"first")
        self.stage.asked[1].answer(b"second")
        self.assert_answers(visitor, (200, None), (200, None), (400, "bad-request"))
        self.assertEqual((visitor.end, len(self.stage.asked)), ("half", 2))

    def test_a_refused_request_in_a_later_read(self) -> None:
        visitor = self.stage.visitor(GET, BAD)
        self.assertEqual(visitor.read(), b"")
        self.stage.asked[0].answer()
        self.assert_answers(visitor, (200, None), (400, "bad-request"))
        self.assertEqual(visitor.end, "half")

    def test_a_refused_request_behind_a_problem(self) -> None:
        visitor = self.stage.visitor(get(host=b"nobody.localhost") + BAD)
        self.assert_answers(visitor, (404, "no-such-tunnel"), (400, "bad-request"))

    def test_a_pipelined_body_that_turns_out_to_be_none(self) -> None:
        """Its request ends as broken at the service."""
        visitor = self.stage.visitor(GET + chunked(b"hello") + b"xyz\r\n")
        self.stage.asked[0].answer()
        self.assert_answers(visitor, (200, None), (400, "bad-request"))
        self.assertEqual([each.reset for each in self.stage.asked], [None, "bad-request"])

    def test_a_refused_request_behind_the_last(self) -> None:
        """Connection: close means that nothing follows, not even a refusal."""
        visitor = self.stage.visitor(get(b"/", b"Connection: close"), BAD)
        self.stage.asked[0].answer()
        self.assert_answers(visitor, (200, None))
        self.assertEqual(visitor.end, "closed")

    def test_as_many_as_one_read_holds(self) -> None:
        count = min(READ // len(GET), 1_900)  # a tunnel takes no more at once
        visitor = self.stage.visitor(GET * count)
        for number in range(count):
            self.assertEqual(len(self.stage.asked), number + 1)
            self.stage.asked[-1].answer()
        self.assertEqual(answers(visitor.read()), [(200, None)] * count)
        self.assertEqual(visitor.end, "open")

    def test_none_is_answered_while_the_visitor_takes_nothing(self) -> None:
        visitor = self.stage.visitor(GET + get(host=b"nobody.localhost") * 3)
        visitor.full()
        self.stage.asked[0].answer()
        self.assert_answers(visitor, (200, None))
        self.assertFalse(visitor.reading)
        visitor.drained()
        self.assert_answers(visitor, *[(404, "no-such-tunnel")] * 3)
        self.assertTrue(visitor.reading)

    def test_a_visitor_who_leaves_in_the_middle_of_many_problems(self) -> None:
        """Nothing is left to be called."""
        visitor = Visitor(self.stage, LateTransport())
        self.stage.visitors.append(visitor)
        visitor.connection.dataReceived(get(host=b"nobody.localhost") * 50)
        self.assertEqual(len(answers(visitor.read())), AT_ONCE)
        visitor.leave()
        self.assertEqual(answers(visitor.read()), [])

    def test_memory_of_small_chunks(self) -> None:
        """What a request brings of its body is one piece for each read, for a service that does not take it."""
        head = get(b"/in", b"Transfer-Encoding: chunked", method=b"POST")
        self.stage.visitor(GET)
        visitor = self.stage.visitor(head)
        gc.collect()
        tracemalloc.start()
        visitor.connection.dataReceived(b"2\r\nxx\r\n" * 16_000)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertLess(held, READ)

    def test_memory(self) -> None:
        """What waits takes what was sent, whatever it is: small requests, small fields, small chunks."""
        fields = get(b"/", *[b"a:"] * 100)
        chunks = get(b"/in", b"Transfer-Encoding: chunked", method=b"POST") + b"1\r\nx\r\n" * 20_000
        for data in (get(), fields, chunks):
            whole = (data * (READ // len(data) + 1))[:READ]
            connections = [self.stage.factory.buildProtocol(None) for _ in range(20)]
            transports = [LateTransport() for _ in connections]
            for connection, transport in zip(connections, transports, strict=True):
                connection.makeConnection(transport)
                connection.dataReceived(GET)
            self.stage.talk()
            gc.collect()
            tracemalloc.start()
            for connection in connections:
                connection.dataReceived(bytes(bytearray(whole)))
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            self.assertLess(held / len(connections), 1.1 * READ)
            for connection in connections:
                connection.connectionLost()
            self.stage.talk()

    def test_behind_an_early_answer(self) -> None:
        visitor = self.stage.visitor(post(b"abc", length=5))
        self.stage.asked[0].answer(status=413)
        visitor.send(b"de" + GET)
        self.assertEqual((len(self.stage.asked), visitor.end), (1, "half"))

    def test_a_visitor_who_leaves(self) -> None:
        visitor = self.stage.visitor(GET * 3)
        visitor.leave()
        self.assertEqual([each.reset for each in self.stage.asked], ["visitor-gone"])
