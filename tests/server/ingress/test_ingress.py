"""Who may use which tunnel now."""

from base64 import b64encode

from sellia.problems import SERVER_DRAINING
from sellia.protocol.messages import TunnelOptions
from tests.server.support import GET, UPGRADE, ServerCase, get, post


class AdmissionTests(ServerCase):
    def test_while_the_server_drains(self) -> None:
        self.stage.rooms.refusal = SERVER_DRAINING
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


class PreflightTests(ServerCase):
    """What browsers ask before a page's request, always without a password (Fetch, 3.3)."""

    ASKED = (b"Origin: https://app.example", b"Access-Control-Request-Method: PUT")

    def preflight(self, *fields: bytes, label: bytes = b"shared", method: bytes = b"OPTIONS") -> bytes:
        return get(b"/", *fields, host=label + b".localhost", method=method)

    def test_passes_where_the_owner_wants_it(self) -> None:
        self.stage.open_tunnel("shared", "ann:s3cret", TunnelOptions(auth_preflight="pass"))
        visitor, service = self.stage.ask(self.preflight(*self.ASKED, b"Authorization: Basic xyz"))
        self.assertIsNone(service.value(b"Authorization"))
        service.answer(b"", (b"Access-Control-Allow-Origin", b"https://app.example"), status=204)
        self.assertIn(b"204", visitor.read())

    def test_nothing_else_does(self) -> None:
        self.stage.open_tunnel("shared", "ann:s3cret", TunnelOptions(auth_preflight="pass"))
        for request in (
            self.preflight(),
            self.preflight(self.ASKED[0]),
            self.preflight(self.ASKED[1]),
            self.preflight(*self.ASKED, b"Content-Length: 1") + b"x",
            self.preflight(*self.ASKED, b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
            *(self.preflight(*self.ASKED, method=method) for method in (b"GET", b"PUT", b"options", b"HEAD")),
        ):
            self.assertIn(b"HTTP/1.1 401 ", self.stage.visitor(request).read())
        self.assertEqual(self.stage.asked, [])

    def test_refused_everywhere_else(self) -> None:
        for word in ("refuse", "allow", ""):
            self.stage.open_tunnel("shared", "ann:s3cret", TunnelOptions(auth_preflight=word))
            self.assertIn(b"HTTP/1.1 401 ", self.stage.visitor(self.preflight(*self.ASKED)).read())
        self.assertEqual(self.stage.asked, [])


class OriginTests(ServerCase):
    """A page is told what Sellia says, and not that it broke the rules of CORS."""

    def test_our_answers(self) -> None:
        origin = b"Origin: https://app.example"
        for request in (
            get(b"/", origin, host=b"nobody.localhost"),
            get(b"/", origin, host=b"locked.localhost"),
            get(b"/", origin, host=b"a@b"),
            UPGRADE[:-2].replace(b"demo", b"nobody") + origin + b"\r\n\r\n",
        ):
            self.assertIn(b"\r\nAccess-Control-Allow-Origin: *\r\n", self.stage.visitor(request).read())
        visitor, service = self.stage.ask(get(b"/", origin))
        service.fail("service-refused")
        self.assertIn(b"\r\nAccess-Control-Allow-Origin: *\r\n", visitor.read())

    def test_without_an_origin(self) -> None:
        self.assertNotIn(b"Access-Control", self.stage.visitor(get(host=b"nobody.localhost")).read())

    def test_a_services_answer_is_its_own(self) -> None:
        visitor, service = self.stage.ask(get(b"/", b"Origin: https://app.example"))
        service.answer(status=502)
        self.assertNotIn(b"Access-Control", visitor.read())
