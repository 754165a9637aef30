"""Lines on the control socket, right and wrong."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.control.lines import REQUEST_LIMIT, ControlError, decode, encode, request_of


class LineTests(SynchronousTestCase):
    def test_one_line_in_ascii(self) -> None:
        line = encode({"name": "é\n\u2028\x1b"})
        self.assertEqual((line.count(b"\n"), line.isascii(), line[-1:]), (1, True, b"\n"))
        self.assertEqual(decode(line), {"name": "é\n\u2028\x1b"})

    def test_requests(self) -> None:
        self.assertEqual(request_of(b'{"command":"status"}'), ("status", None, False))
        self.assertEqual(request_of(b'{"command":"stop","tunnel":"web","now":true,"later":1}'), ("stop", "web", True))

    def test_the_id_of_a_cause(self) -> None:
        self.assertEqual(request_of(b'{"command":"why","id":"9f3a61c2-14"}'), ("why", "9f3a61c2-14", False))
        self.assertEqual(request_of(b'{"command":"why","id":null}'), ("why", None, False))

    def test_wrong(self) -> None:
        for line in (
            b"",
            b"status",
            b"[]",
            b"\xff\xfe",
            b"[" * REQUEST_LIMIT,
            b'{"a":' * 800,
            b"{}",
            b'{"command":1}',
            b'{"command":"stop","tunnel":1}',
            b'{"command":"stop","now":1}',
        ):
            self.assertEqual(self.assertRaises(ControlError, request_of, line).word, "bad-line", line[:20])

    def test_unknown(self) -> None:
        """As a later version of the command may ask."""
        error = self.assertRaises(ControlError, request_of, b'{"command":"\\u001b[2Jdance"}')
        self.assertEqual(error.word, "unknown-command")
        self.assertTrue(str(error).isprintable())
