"""Methods at the front of a request, known to llhttp or not."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.server.ingress.methods import METHOD_LIMIT, disguise, whole_method


class MethodTests(SynchronousTestCase):
    def test_one_that_is_known_stays(self) -> None:
        for data in (b"GET / HTTP/1.1", b"M-SEARCH * HTTP/1.1", b"QUERY / HTTP/1.1"):
            self.assertEqual(disguise(data), (None, data))

    def test_an_unknown_one_is_parsed_as_another(self) -> None:
        self.assertEqual(disguise(b"BREW /pot HTTP/1.1"), (b"BREW", b"POST /pot HTTP/1.1"))
        self.assertEqual(disguise(b"get / HTTP/1.1"), (b"get", b"POST / HTTP/1.1"), "case counts (RFC 9110, 9.1)")

    def test_what_is_no_method_is_left_to_the_parser(self) -> None:
        for data in (b"\x16\x03\x01 hello", b" / HTTP/1.1", b"GE\x00T / HTTP/1.1", b"A" * (METHOD_LIMIT + 1) + b" /"):
            self.assertEqual(disguise(data), (None, data))

    def test_the_preface_of_http_2(self) -> None:
        error = self.assertRaises(ProblemError, disguise, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.assertEqual(error.problem.code, "http-version-not-supported")

    def test_whether_it_is_whole(self) -> None:
        longest = b"A" * METHOD_LIMIT
        for data, whole in ((b"GE", False), (b"GET ", True), (longest, False), (longest + b" ", True), (b"\x00", True)):
            self.assertEqual(whole_method(data), whole, data)
        self.assertTrue(whole_method(longest + b"A"), "too long for one")
