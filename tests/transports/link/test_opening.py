"""What stands at the server's address, told by its answer to the opening handshake."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.link.opening import HEAD_LIMIT, Answer, moved_to, read_answer, why_no_link


def answer(status: int, *fields: bytes, body: bytes = b"") -> Answer:
    read = read_answer(b"\r\n".join([b"HTTP/1.1 %d x" % status, *fields, b"", body]))
    assert isinstance(read, Answer)
    return read


class ReadTests(SynchronousTestCase):
    def test_an_answer(self) -> None:
        read = answer(404, b"Server: nginx", b"X", b"server: other", body=b"rest")
        self.assertEqual(read, Answer(404, {"server": "nginx", "x": ""}, b"rest"))
        self.assertEqual(read_answer(b"HTTP/1.0 200\r\n\r\n"), Answer(200, {}))

    def test_more_must_come(self) -> None:
        for data in (b"", b"H", b"HTTP/", b"HTTP/1.1 200 OK\r\nServer: x\r\n"):
            self.assertIsNone(read_answer(data))

    def test_no_http(self) -> None:
        for data, words in (
            (b"SSH-2.0-OpenSSH_9.2\r\nx", 'is not a web server: it said "SSH-2.0-OpenSSH_9.2"'),
            (b"220 mail ESMTP\x1b[2J", 'is not a web server: it said "220 mail ESMTP\\x1b[2J"'),
            (b"\x15\x03\x01\x00\x02\x02\x46", "speaks TLS: use https:// in the server's URL"),
            (b"HTTP/1.1 abc\r\n\r\n", 'is not a web server: it said "HTTP/1.1 abc"'),
        ):
            self.assertEqual(read_answer(data), words)

    def test_a_head_without_an_end(self) -> None:
        data = b"HTTP/1.1 200 OK\r\nX: "
        self.assertIsNone(read_answer(data + b"x" * (HEAD_LIMIT - len(data))))
        self.assertEqual(read_answer(data + b"x" * HEAD_LIMIT), "gave an answer without an end")


class MovedTests(SynchronousTestCase):
    def moved(self, location: bytes, url: str = "ws://t.example/ws", status: int = 301) -> str | None:
        return moved_to(answer(status, b"Location: " + location), url)

    def test_to_https_of_the_same_host(self) -> None:
        for location, url in (
            (b"https://t.example/ws", "wss://t.example/ws"),
            (b"https://t.example:443/ws", "wss://t.example/ws"),
            (b"https://T.example:8443/ws", "wss://T.example:8443/ws"),
        ):
            self.assertEqual(self.moved(location), url)
        self.assertEqual(moved_to(answer(308, b"Location: https://[::1]/ws"), "ws://[::1]:80/ws"), "wss://[::1]/ws")

    def test_nowhere_else(self) -> None:
        for location in (
            *(b"", b"/ws", b"http://t.example/ws", b"https://other.example/ws", b"https://u:p@t.example/ws"),
            *(b"https://t.example/ws?x", b"https://t.example:x/ws", b"https://t.example", b"https://t.example/a b"),
        ):
            self.assertIsNone(self.moved(location), location)
        self.assertIsNone(self.moved(b"https://t.example/ws", "wss://t.example/ws"), "once")
        self.assertIsNone(self.moved(b"https://t.example/ws", status=200))


class WordsTests(SynchronousTestCase):
    def test_each(self) -> None:
        for status, fields, words in (
            (200, (b"Server: nginx/1.24",), "is a web server, and did not open a WebSocket at /ws (200, nginx/1.24)"),
            (401, (), "asks for a login before Sellia is reached (401): let /ws through without one"),
            (404, (), "is a web server, and has no Sellia at /ws (404): check the URL, its path too"),
            (426, (), "a proxy in between has removed it"),
            (429, (), "too many connections"),
            (500, (), "failed inside (500)"),
            (502, (b"Server: Caddy",), "is a proxy, and the Sellia server behind it does not answer (502, Caddy)"),
            (302, (b"Location: https://x.example/login?token=secret",), ", to https://x.example/login: if that"),
            (302, (b"Location: https://u:p@x.example/",), "redirects elsewhere (302): check the URL"),
            (302, (), "does not say where"),
            (404, (b"Sellia-Error: no-such-tunnel",), "is a Sellia server and answered 404 no-such-tunnel: No tunnel"),
            (200, (b"Server: \x1b[2J" + b"x" * 100,), "\\x1b[2Jxxx"),
        ):
            said = why_no_link(answer(status, *fields), "/ws")
            self.assertIn(words, said)
            self.assertNotIn("secret", said)
            self.assertNotIn("\x1b", said)

    def test_http_where_tls_is_spoken(self) -> None:
        for body in (
            b"The plain HTTP request was sent to HTTPS port",
            b"Client sent an HTTP request to an HTTPS server.",
            b"You're speaking plain HTTP to an SSL-enabled server port.",
        ):
            self.assertIn("use https://", why_no_link(answer(400, body=body), "/ws"))
        self.assertIn("bad request", why_no_link(answer(400, body=b"no"), "/ws"))
