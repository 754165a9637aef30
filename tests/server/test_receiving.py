"""Requests of one connection: in which order they are answered, and what is taken for one."""

from tests.server.support import GET, VISITOR, ServerCase, chunked, get, post

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
        """Its request never reaches the service."""
        visitor = self.stage.visitor(GET + chunked(b"hello") + b"xyz\r\n")
        self.stage.asked[0].answer()
        self.assert_answers(visitor, (200, None), (400, "bad-request"))
        self.assertEqual(len(self.stage.asked), 1)

    def test_a_refused_request_behind_the_last(self) -> None:
        """Connection: close means that nothing follows, not even a refusal."""
        visitor = self.stage.visitor(get(b"/", b"Connection: close"), BAD)
        self.stage.asked[0].answer()
        self.assert_answers(visitor, (200, None))
        self.assertEqual(visitor.end, "closed")

    def test_the_bound(self) -> None:
        """More than that many are answered as far as that, and the connection ends in order."""
        lines = self.logged()
        visitor = self.stage.visitor(get() * 151)
        for _ in range(101):
            self.stage.asked[-1].answer()
        self.assertEqual(len(self.stage.asked), 101)
        self.assert_answers(visitor, *[(200, None)] * 101)
        self.assertEqual(visitor.end, "half", "the requests that were not read must not make it end in a reset")
        self.assert_counted(pipelined=1)
        self.assertEqual(lines, [f"limit reached: limit=pipelined peer={VISITOR} answer=closed untold=0"])

    def test_as_many_as_may_be(self) -> None:
        visitor = self.stage.visitor(get() * 101)
        for _ in range(101):
            self.stage.asked[-1].answer()
        self.assert_answers(visitor, *[(200, None)] * 101)
        self.assertEqual(visitor.end, "open")
        self.assert_counted()

    def test_behind_an_early_answer(self) -> None:
        visitor = self.stage.visitor(post(b"abc", length=5))
        self.stage.asked[0].answer(status=413)
        visitor.send(b"de" + GET)
        self.assertEqual((len(self.stage.asked), visitor.end), (1, "half"))

    def test_a_visitor_who_leaves(self) -> None:
        visitor = self.stage.visitor(GET * 3)
        visitor.leave()
        self.assertEqual([each.reset for each in self.stage.asked], ["visitor-gone"])
