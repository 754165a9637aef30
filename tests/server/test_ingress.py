"""Who may use which tunnel now."""

from base64 import b64encode

from sellia.errors import PROBLEMS
from tests.server.support import GET, UPGRADE, ServerCase, get, post


class AdmissionTests(ServerCase):
    def test_while_the_server_drains(self) -> None:
        self.stage.rooms.refusal = PROBLEMS["server-draining"]
        self.assert_answers(self.stage.visitor(GET), (503, "server-draining"))

    def test_overload(self) -> None:
        session = self.stage.pair.server.session
        session.max_streams = 1
        first, service = self.stage.ask()
        second = self.stage.visitor(GET)
        self.assert_answers(second, (503, "overloaded"))
        service.answer()
        second.send(GET)
        self.stage.asked[-1].answer()
        self.assert_answers(second, (200, None))


class PasswordTests(ServerCase):
    """A tunnel with a password: nothing reaches the client without it, and it does not reach the service."""

    def request(self, *fields: bytes) -> bytes:
        return get(b"/", *fields, host=b"locked.localhost")

    def basic(self, text: bytes, scheme: bytes = b"Basic") -> bytes:
        return b"Authorization: " + scheme + b" " + b64encode(text)

    def test_without(self) -> None:
        for fields in (
            (),
            (self.basic(b"ann:wrong"),),
            (self.basic(b"ann:s3cret "),),
            (self.basic(b"ann:s3cre"),),
            (self.basic(b":"),),
            (self.basic(b"ann:s3cret", b"Bearer"),),
            (self.basic(b"ann:s3cret").replace(b"Authorization", b"Proxy-Authorization"),),
            (b"Authorization: Basic !!!",),
            (b"Authorization: Basic " + b"A" * 50_000,),
            (self.basic(b"ann:s3cret"), self.basic(b"ann:wrong")),
        ):
            visitor = self.stage.visitor(self.request(*fields))
            data = visitor.read()
            self.assertTrue(data.startswith(b"HTTP/1.1 401 Unauthorized\r\n"), fields)
            self.assertIn(b'WWW-Authenticate: Basic realm="locked"', data)
            self.assertIn(b"Sellia-Error: unauthorized\r\n", data)
        self.assertEqual(self.stage.asked, [])

    def test_with(self) -> None:
        visitor, service = self.stage.ask(self.request(self.basic(b"ann:s3cret"), b"X-A: b"))
        self.assertEqual((service.value(b"Authorization"), service.value(b"X-A")), (None, b"b"))

    def test_a_websocket_too(self) -> None:
        upgrade = UPGRADE.replace(b"demo", b"locked")
        self.assert_answers(self.stage.visitor(upgrade), (401, "unauthorized"))
        visitor, service = self.stage.ask(upgrade[:-2] + self.basic(b"ann:s3cret") + b"\r\n\r\n")
        self.assertIsNone(service.value(b"Authorization"))

    def test_a_body_is_not_read_on_as_a_request(self) -> None:
        visitor = self.stage.visitor(post(b"", length=500).replace(b"demo", b"locked") + GET)
        self.assert_answers(visitor, (401, "unauthorized"))
        self.assertEqual((visitor.end, self.stage.asked), ("half", []))

    def test_no_password_no_stripping(self) -> None:
        """The service's own passwords are its own."""
        visitor, service = self.stage.ask(get(b"/", self.basic(b"a:b")))
        self.assertEqual(service.value(b"Authorization"), b"Basic YTpi")
