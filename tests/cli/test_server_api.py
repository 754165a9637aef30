"""Calls to a server's API over real sockets, and what else may stand at its URL."""

from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import PrivateCertificate
from twisted.trial.unittest import TestCase

from sellia.cli import http_calls
from sellia.cli.exits import Exit, exit_of
from sellia.cli.http_calls import BODY_LIMIT
from sellia.cli.server_api import ServerApi
from sellia.client.proxies import Proxies, Proxy
from sellia.errors import ProxyLoginError, RefusedError, SelliaError, UnreachableError
from sellia.server.service import ServerService
from sellia.server.settings import ServerSettings
from tests.client.test_tls import certificate

KEY = "k" * 40


class Other(Protocol):
    """Whatever stands there: it answers the head of a request with ``said``, and closes."""

    said = b""
    heard: list[bytes]
    closes = True

    def connectionMade(self) -> None:
        self.data = b""

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        assert self.transport is not None
        if b"\r\n\r\n" in self.data or self.data.startswith(b"\x16"):
            self.heard.append(self.data)
            self.transport.write(self.said)
            if self.closes:
                self.transport.loseConnection()


def answer(status: str, body: bytes, *fields: bytes) -> bytes:
    head = b"".join(each + b"\r\n" for each in fields)
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status.encode(), len(body), head, body)


class ApiCase(TestCase):
    timeout = 10

    def listen(self, said: bytes, tls: PrivateCertificate | None = None, *, closes: bool = True) -> str:
        """Listen with something else; return its URL."""
        self.heard: list[bytes] = []
        kind = type("Kind", (Other,), {"said": said, "heard": self.heard, "closes": closes})
        factory = Factory.forProtocol(kind)
        factory.noisy = False
        net: Any = reactor
        if tls is not None:
            port = net.listenSSL(0, factory, tls.options(), interface="127.0.0.1")
        else:
            port = net.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return f"http{'s' if tls is not None else ''}://127.0.0.1:{port.getHost().port}"

    def failure(self, url: str, key: str | None = KEY, **how: Any) -> "Deferred[SelliaError]":
        asked: Any = Deferred.fromCoroutine(ServerApi(url, reactor, **how).key(key))
        return self.assertFailure(asked, SelliaError)

    async def sentence(self, said: bytes) -> str:
        error = await self.failure(self.listen(said))
        assert isinstance(error, UnreachableError), error
        self.assertTrue(error.hint)
        self.assertNotIn(KEY, str(error))
        self.assertEqual(exit_of(error), Exit.UNREACHABLE)
        return error.line.partition(" ")[2]


class ServerTests(ApiCase):
    async def test_a_server(self) -> None:
        settings = ServerSettings(listen=("tcp:0:interface=127.0.0.1",), master_key=KEY)
        service = ServerService(settings, reactor)
        service.startService()
        self.addCleanup(service.stopService)
        api = ServerApi(f"http://localhost:{service.gateway.public_port}/tunnel", reactor)
        version = await api.version()
        self.assertTrue(version.fits and version.key_required)
        report = await api.key(KEY)
        self.assertEqual((report.scopes, report.limits.tunnels), (["http"], 2000))
        error: Any = await self.assertFailure(Deferred.fromCoroutine(api.key("wrong")), RefusedError)
        self.assertEqual((error.word, exit_of(error)), ("wrong-key", Exit.NOT_AUTHORISED))
        error = await self.assertFailure(Deferred.fromCoroutine(api.key(None)), RefusedError)
        self.assertEqual(error.word, "key-required")


class OtherTests(ApiCase):
    """Not a Sellia server, or not one of today."""

    async def test_other_programs(self) -> None:
        for said, sentence in (
            (answer("200 OK", b"<html>hello</html>"), "answers, but not as a Sellia server does"),
            (answer("200 OK", b'{"key_required": "yes"}'), "answers, but not as a Sellia server does"),
            (answer("200 OK", b'{"key_required": true, "scopes": {}}'), "answers, but not as a Sellia server does"),
            (answer("200 OK", b"\xff\xfe"), "answers, but not as a Sellia server does"),
            (answer("404 Not Found", b"nothing"), "answers with 404"),
            (answer("404 No", b'{"error": "no-such-page"}'), "has no such part of the API (answer 404)"),
            (answer("502 Bad Gateway", b"<html>"), "answers with 502"),
            (answer("418 \x1b[31m", b""), "answers with 418"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "ended the connection without an answer that is HTTP"),
            (b"", "ended the connection without an answer that is HTTP"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab", "ended the connection without an answer that is HTTP"),
        ):
            self.assertEqual(await self.sentence(said), sentence, said)

    async def test_redirects_are_not_followed(self) -> None:
        """The key goes nowhere else, and the place is shown escaped."""
        elsewhere = self.listen(answer("200 OK", b"{}"))
        stolen = self.heard
        said = answer("307 Temporary Redirect", b"", b"Location: " + elsewhere.encode() + b"/\x1b[31m")
        sentence = await self.sentence(said)
        self.assertTrue(sentence.startswith(f"redirects to {elsewhere}/"), sentence)
        self.assertNotIn("\x1b", sentence)
        self.assertEqual(stolen, [])

    async def test_without_an_end(self) -> None:
        body = b"[" + b"1," * BODY_LIMIT
        self.assertEqual(await self.sentence(answer("200 OK", body)), f"answers with more than {BODY_LIMIT >> 10} KiB")
        self.assertEqual(await self.sentence(answer("500 No", body)), f"answers with more than {BODY_LIMIT >> 10} KiB")

    async def test_without_an_answer(self) -> None:
        self.patch(http_calls, "TIMEOUT", 0.1)
        for said in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"):
            error: Any = await self.failure(self.listen(said, closes=False))
            self.assertIn("did not answer in time", error.line)

    async def test_refused_by_words_of_others(self) -> None:
        """What a server says is shown, escaped and cut."""
        body = b'{"error": "key-revoked\\u001b[31m", "message": "no", "detail": "gone\\u202e' + b"x" * 5000 + b'"}'
        error: Any = await self.failure(self.listen(answer("401 No", body)))
        self.assertIsInstance(error, RefusedError)
        self.assertNotIn("\x1b", f"{error.word}{error}")
        self.assertNotIn("\u202e", str(error))
        self.assertLess(len(str(error)), 300)

    async def test_what_is_sent(self) -> None:
        await self.sentence(answer("404 No", b""))
        (request,) = self.heard
        self.assertIn(b"GET /api/v1/key HTTP/1.1\r\n", request)
        self.assertEqual(request.count(KEY.encode()), 1)
        self.assertIn(b"Authorization: Bearer " + KEY.encode() + b"\r\n", request)

    async def test_nobody_there(self) -> None:
        net: Any = reactor
        port = net.listenTCP(0, Factory(), interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        error: Any = await self.failure(f"http://127.0.0.1:{number}")
        self.assertEqual(error.line, f"127.0.0.1:{number} refused the connection")


class SecureTests(ApiCase):
    """Over TLS the certificate is verified, by the code that verifies it for links."""

    async def test_a_certificate_of_nobody(self) -> None:
        url = self.listen(answer("404 No", b""), certificate("localhost")).replace("127.0.0.1", "localhost")
        error: Any = await self.failure(url)
        self.assertIn("signed by nobody", error.line)
        self.assertEqual(self.heard, [], "nothing was sent to it")

    async def test_a_file_of_authorities(self) -> None:
        made = certificate("localhost")
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(made.original.to_cryptography().public_bytes(Encoding.PEM))
        url = self.listen(answer("404 No", b""), made)
        error: Any = await self.failure(url.replace("127.0.0.1", "localhost"), ca=path)
        self.assertIn("answers with 404", error.line)
        error = await self.failure(url, ca=path)
        self.assertIn("is for localhost, and not for 127.0.0.1", error.line)

    async def test_the_wrong_scheme(self) -> None:
        error: Any = await self.failure(self.listen(b"HTTP/1.1 400 Bad Request\r\n\r\n").replace("http:", "https:"))
        self.assertIn("does not speak TLS: is it http:// that it speaks?", error.line)
        url = self.listen(b"", certificate("localhost"))
        error = await self.failure(url.replace("https:", "http:"))
        self.assertIsInstance(error, UnreachableError)


class ProxyTests(ApiCase):
    def by(self, url: str) -> Proxies:
        proxy = Proxy("127.0.0.1", int(url.rpartition(":")[2]))
        return Proxies(proxy, proxy, None)

    async def test_through_a_proxy(self) -> None:
        proxies = self.by(self.listen(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"))
        error: Any = await self.failure("http://sellia.example", proxies=proxies)
        self.assertIsInstance(error, ProxyLoginError)
        self.assertEqual(exit_of(error), Exit.NOT_AUTHORISED)
        self.assertTrue(self.heard[0].startswith(b"CONNECT sellia.example:80 HTTP/1.1\r\n"))
        self.assertNotIn(KEY.encode(), self.heard[0])
