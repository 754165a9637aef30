"""Changes that settings ask for."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.http.changes import CHANGES_LIMIT, NO_CHANGES, VALUE_LIMIT, changes_of


class ApplyTests(SynchronousTestCase):
    def test_in_order(self) -> None:
        changes = changes_of(["B"], {"A": "new", "C": "c"}, {"a": "more"})
        headers = [(b"a", b"1"), (b"b", b"2"), (b"A", b"3"), (b"D", b"4")]
        self.assertEqual(changes.apply(headers), [(b"A", b"new"), (b"D", b"4"), (b"C", b"c"), (b"a", b"more")])

    def test_nothing(self) -> None:
        self.assertIs(changes_of([], {}, {}), NO_CHANGES)
        self.assertEqual(NO_CHANGES.apply([(b"a", b"1")]), [(b"a", b"1")])

    def test_what_is_set_and_removed_is_set(self) -> None:
        self.assertEqual(changes_of(["a"], {"A": "x"}, {}).apply([(b"a", b"1")]), [(b"A", b"x")])


class RefusalTests(SynchronousTestCase):
    def check(self, words: str, name: str, value: str = "x") -> None:
        error = self.assertRaises(ValueError, changes_of, [], {name: value}, {})
        self.assertIn(words, str(error))

    def test_what_is_ours(self) -> None:
        for name in (
            *("Host", "content-length", "Transfer-Encoding", "Connection", "Upgrade", "TE", "Trailer", "Keep-Alive"),
            *("Sec-WebSocket-Key", "sec-websocket-extensions", "Proxy-Authorization", "Sellia-Error", "Expect"),
        ):
            self.check("is written by Sellia itself", name)
            self.assertRaises(ValueError, changes_of, [name], {}, {})

    def test_no_names(self) -> None:
        for name in ("", "a b", "a:", "a\r\nb", "ü", "a" * (VALUE_LIMIT + 1) + ":"):
            self.check("is not the name of a header field", name)

    def test_no_values(self) -> None:
        for value in ("a\r\nX: y", "a\nb", "\0", "\x85"):
            self.check("a line break or another control character", "A", value)
        self.check("more than", "A", "x" * (VALUE_LIMIT + 1))
        self.assertEqual(changes_of([], {"A": " b\t"}, {}).set, ((b"A", b"b"),))

    def test_bounds(self) -> None:
        names = [f"X-{number}" for number in range(CHANGES_LIMIT + 1)]
        self.assertEqual(len(changes_of(names[1:], {}, {}).remove), CHANGES_LIMIT)
        self.assertRaises(ValueError, changes_of, names, {}, {})
