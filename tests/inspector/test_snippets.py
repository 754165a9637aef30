"""Snippets as they read; `tests.e2e.test_snippets` runs them."""

import ast

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.exchange import new_exchange
from sellia.inspector.snippets import forms, snippet
from tests.inspector.hostile_lines import BLOBS, LINES, TEXTS
from tests.inspector.samples import request, socket
from tests.inspector.test_quoting import arguments, console

POST = request(
    1,
    b"POST",
    b"/api?token=secret",
    [(b"Content-Type", b"application/json"), (b"Authorization", b"Bearer secret")],
    b'{"a": "it\'s"}',
)


class ReadingTests(SynchronousTestCase):
    def test_bash(self) -> None:
        self.assertEqual(
            snippet(POST, "curl-bash"),
            """\
curl \\
  --path-as-is \\
  --globoff \\
  -H 'Content-Type: application/json' \\
  -H 'Authorization: Bearer REDACTED' \\
  --data-raw '{"a": "it'\\''s"}' \\
  'https://demo.example.com/api?token=REDACTED'""",
        )
        self.assertEqual(snippet(request(), "curl-bash"), "curl --path-as-is --globoff https://demo.example.com/")
        self.assertIn("-X DELETE", snippet(request(1, b"DELETE"), "curl-bash"))
        self.assertIn("--head", snippet(request(1, b"HEAD"), "curl-bash"))

    def test_powershell(self) -> None:
        self.assertEqual(
            snippet(POST, "curl-powershell"),
            """\
$file = [IO.Path]::GetTempFileName()
[IO.File]::WriteAllText($file, @'
url = "https://demo.example.com/api?token=REDACTED"
request = "POST"
path-as-is
globoff
header = "Content-Type: application/json"
header = "Authorization: Bearer REDACTED"
data-raw = "{\\"a\\": \\"it's\\"}"
'@)
curl.exe --config $file
Remove-Item $file""",
        )

    def test_fetch(self) -> None:
        self.assertEqual(
            snippet(POST, "fetch"),
            """\
const response = await fetch("https://demo.example.com/api?token=REDACTED", {
  method: "POST",
  headers: [
    ["Content-Type", "application/json"],
    ["Authorization", "Bearer REDACTED"],
  ],
  body: "{\\"a\\": \\"it's\\"}",
  redirect: "manual",
});
console.log(response.status, await response.text());""",
        )

    def test_sockets(self) -> None:
        exchange = socket(1, subprotocol="chat", headers=[(b"Origin", b"https://x"), (b"Cookie", b"sid=1")])
        self.assertEqual(
            snippet(exchange, "wscat"),
            "wscat -c wss://demo.example.com/socket -s chat -H 'Origin: https://x' -H 'Cookie: sid=REDACTED'",
        )
        self.assertEqual(
            snippet(exchange, "websocat", redact=False),
            "websocat --protocol chat -H='Origin: https://x' -H='Cookie: sid=1' wss://demo.example.com/socket",
        )
        ast.parse(snippet(exchange, "python"))

    def test_what_each_kind_has(self) -> None:
        self.assertEqual(forms(new_exchange(1, "tcp")), [])
        self.assertRaises(ValueError, snippet, POST, "wscat")
        self.assertRaises(ValueError, snippet, socket(), "curl-bash")

    def test_missing_bytes_are_said_to_be(self) -> None:
        exchange = request(1, b"POST", body=b"abc")
        exchange.request_body.length = 10
        for form in forms(exchange):
            self.assertIn("7 bytes of the body were not kept", snippet(exchange, form).split("\n")[0])


class HostileTests(SynchronousTestCase):
    def test_nothing_is_cut_short(self) -> None:
        """For cmd.exe and for curl's configuration, which nobody runs here: one command, whatever is in it."""
        for text in TEXTS:
            clean = text.encode() if text in LINES else b"x"
            exchange = request(1, b"POST", b"/" + text.encode(), [(b"X", clean)], text.encode())
            lines = snippet(exchange, "curl-cmd").split("\n")
            found = arguments(console(lines[-1].replace('"@%TEMP%\\sellia-body"', "@body")))
            self.assertEqual(found[0], "curl.exe")
            if clean and text in LINES:
                self.assertIn(f"X: {clean.decode('latin-1')}", found)
            told = snippet(exchange, "curl-powershell")
            self.assertEqual(told.count("\n'@"), 1)
            self.assertEqual(told.count("@'\n"), 1)

    def test_python(self) -> None:
        for body in (*(text.encode() for text in TEXTS), *BLOBS):
            ast.parse(snippet(request(1, b"POST", body=body), "python"))
