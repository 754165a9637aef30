"""The table of endpoints: what a path and a query say, and what is refused."""

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.inspector.acting import Kept
from sellia.client.inspector.answers import ApiError
from sellia.client.inspector.api import TABLE
from sellia.client.inspector.table import Call, query_of


class TableTests(SynchronousTestCase):
    def refused(self, ask: Callable[..., object], *values: object) -> tuple[int, str]:
        """The status and the code that this is refused with."""
        error = self.assertRaises(ApiError, ask, *values)
        assert isinstance(error, ApiError)
        return error.status, error.code

    def test_paths(self) -> None:
        endpoint, parts = TABLE.find("GET", "/api/exchanges/7/messages/3")
        self.assertEqual((endpoint.path, parts), ("/api/exchanges/{id}/messages/{number}", {"id": "7", "number": "3"}))
        self.assertEqual(TABLE.find("GET", "/api/why/a%2Fb")[1], {"id": "a/b"})
        self.assertEqual(TABLE.find("HEAD", "/api/status")[0].method, "GET")

    def test_what_there_is_not(self) -> None:
        for path in ("/api/nothing", "/api/exchanges/", "/api/status/", "/api", "/api//status"):
            self.assertEqual(self.refused(TABLE.find, "GET", path), (404, "no-such-path"), path)
        self.assertEqual(self.refused(TABLE.find, "PUT", "/api/status"), (405, "no-such-method"))

    def test_numbers(self) -> None:
        call = Call({}, {"a": "7", "b": "-1", "c": "\u0667", "d": "9" * 16, "e": ""})
        self.assertEqual((call.number("a", 1, 0, 7), call.number("b", 1, -1, 7), call.number("f", 1, 0, 7)), (7, -1, 1))
        for name, least, most in (("a", 0, 6), ("b", 0, 7), ("c", 0, 9), ("d", 0, 1 << 62), ("e", 0, 9)):
            self.assertEqual(self.refused(call.number, name, 1, least, most), (400, "bad-parameter"), name)

    def test_switches(self) -> None:
        call = Call({}, {"on": "1", "off": "0", "wrong": "yes"})
        self.assertEqual([call.flag("on", False), call.flag("off", True), call.flag("none", True)], [True, False, True])
        self.assertEqual(self.refused(call.flag, "wrong", True), (400, "bad-parameter"))

    def test_bodies(self) -> None:
        self.assertTrue(Call({}, {}, b'{"kept":true}', "application/json").json(Kept).kept)
        self.assertEqual(self.refused(Call({}, {}, b"{}", "text/plain").json, Kept), (415, "not-json"))
        for body in (b"", b"{", b'{"kept":1}', b'{"kept":true,"more":1}', b"[" * 100_000, b"\xff"):
            call = Call({}, {}, body, "application/json")
            self.assertEqual(self.refused(call.json, Kept), (422, "bad-body"), body[:9])

    def test_queries(self) -> None:
        self.assertEqual(query_of(b"a=1&a=2&b=%22x+y%22&c="), {"a": "2", "b": '"x y"', "c": ""})
        self.assertEqual(len(query_of(b"&".join(b"p%d=" % each for each in range(64)))), 64)
        many = b"&".join(b"p%d=" % each for each in range(65))
        self.assertEqual(self.refused(query_of, many), (400, "bad-parameter"))
