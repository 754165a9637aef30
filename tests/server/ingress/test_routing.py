"""Which request goes where, what its service sees of it, and whom forwarded headers are believed."""

from sellia.protocol.messages import TunnelOptions, WebSocketRequest
from sellia.relay.registry import TunnelRegistry
from sellia.relay.secrets import basic_auth_digest
from tests.server.support import GET, UPGRADE, VISITOR, ServerCase, SessionUpstream, get

KIB = 1024


class RoutingTests(ServerCase):
    """Host decides, in one canonical form or not at all."""

    def test_the_service_sees_what_the_visitor_sent(self) -> None:
        fields = (b"X-a: 1", b"COOKIE: c", b"x-A: 2", b"Connection: close, X-Secret", b"X-Secret: s", b"Via: x")
        visitor, service = self.stage.ask(get(b"//a/%20?b=c&d", *fields, method=b"PURGE"))
        opening = service.opening
        self.assertEqual((opening.method, opening.target, opening.minor), (b"PURGE", b"//a/%20?b=c&d", 1))
        self.assertEqual(
            opening.headers,
            [
                (b"Host", b"demo.localhost"),
                (b"X-a", b"1"),
                (b"COOKIE", b"c"),
                (b"x-A", b"2"),
                (b"Via", b"x"),
                (b"X-Forwarded-For", VISITOR.encode()),
                (b"X-Forwarded-Proto", b"http"),
                (b"X-Forwarded-Host", b"demo.localhost"),
                (b"X-Forwarded-Port", b"80"),
            ],
        )
        self.assertEqual((opening.visitor, service.no_body), (VISITOR, True))

    def test_spellings_of_one_host(self) -> None:
        for host in (
            b"demo.localhost",
            b"DEMO.LocalHost",
            b"demo.localhost.",
            b"demo.localhost:80",
            b"Demo.localhost.:1",
        ):
            visitor, service = self.stage.ask(get(host=host))
            self.assertEqual(service.value(b"Host"), host, "it is passed on as it is")

    def test_hosts_that_are_none(self) -> None:
        for host in (
            b"a@b", b"demo.localhost@evil.example", b"demo..localhost", b"demo.localhost..", b"", b":80", b"x" * 300,
            b"demo.localhost:0", b"demo.localhost:65536", b"demo.localhost:8o", b"demo.localhost:80:80", b"[::1",
            b"[demo]", b"demo.localhost/", b"demo.localhost#", b"demo .localhost", b"demo.localhost, demo.localhost",
            b"%64emo.localhost", b"-demo.localhost", b"d\xc3\xa9mo.localhost",
        ):  # fmt: skip
            visitor = self.stage.visitor(get(host=host))
            self.assert_answers(visitor, (400, "bad-host"))
        self.assertEqual(self.stage.asked, [])

    def test_missing_and_two(self) -> None:
        for request in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.0\r\n\r\n",
            get(b"/", b"Host: demo.localhost"),
            get(b"/", b"hOST: other.localhost"),
            b"GET http://demo.localhost/ HTTP/1.1\r\n\r\n",
        ):
            self.assert_answers(self.stage.visitor(request), (400, "bad-host"))
        self.assertEqual(self.stage.asked, [])

    def test_absolute_form(self) -> None:
        for target, path in (
            (b"http://demo.localhost/a?b", b"/a?b"),
            (b"HTTPS://DEMO.localhost.:443", b"/"),
            (b"http://demo.localhost?b", b"/?b"),
        ):
            visitor, service = self.stage.ask(get(target))
            self.assertEqual((service.target, service.value(b"Host")), (path, b"demo.localhost"))

    def test_absolute_form_that_differs(self) -> None:
        for target in (b"http://other.localhost/", b"http://a@demo.localhost/", b"http:///", b"ftp://demo.localhost/"):
            self.assert_answers(self.stage.visitor(get(target)), (400, "bad-host"))
        self.assertEqual(self.stage.asked, [])

    def test_who_names_no_host_is_not_listened_to_any_further(self) -> None:
        """Neither in the same read nor in the next is anything taken for a request any more."""
        for request in (get(host=b"a@b"), get(host=b""), get(b"ftp://demo.localhost/")):
            visitor = self.stage.visitor(request + GET, GET)
            self.assert_answers(visitor, (400, "bad-host"))
            self.assertNotEqual(visitor.end, "open")
        self.assertEqual(self.stage.asked, [])

    def test_asterisk(self) -> None:
        visitor, service = self.stage.ask(get(b"*", method=b"OPTIONS"))
        self.assertEqual(service.target, b"*")

    def test_names_that_nobody_holds(self) -> None:
        for host, answer in (
            (b"nobody.localhost", (404, "no-such-tunnel")),
            (b"gone.localhost", (502, "client-gone")),
            (b"a.demo.localhost", (404, "no-such-tunnel")),
            (b"evil.example", (404, "no-such-tunnel")),
            (b"demo.localhost.evil.example", (404, "no-such-tunnel")),
            (b"xn--demo-.localhost", (400, "bad-host")),
        ):
            self.assert_answers(self.stage.visitor(get(host=host)), answer)
        self.assertEqual(self.stage.asked, [])

    def test_the_servers_own_pages(self) -> None:
        for host in (b"localhost", b"LOCALHOST:3000", b"127.0.0.1", b"127.0.0.1:3000", b"[::1]:3000"):
            visitor = self.stage.visitor(get(b"/health", host=host))
            self.assert_answers(visitor, (404, "no-such-page"))
        self.assertEqual(self.stage.rooms.pages, [b"/health"] * 5)

    def test_one_connection_many_hosts(self) -> None:
        """Each request by its own Host, however many are tried."""
        visitor = self.stage.visitor()
        for number in range(150):
            visitor.send(get(host=b"name%d.localhost" % number))
        self.assert_answers(visitor, *[(404, "no-such-tunnel")] * 150)
        visitor.send(GET)
        self.stage.asked[-1].answer()
        self.assert_answers(visitor, (200, None))

    def test_no_tunnels_for_others(self) -> None:
        visitor = self.stage.visitor(b"CONNECT demo.localhost:80 HTTP/1.1\r\nHost: demo.localhost\r\n\r\nSSH-2.0")
        self.assertIn(b"\r\nAllow: ", data := visitor.read())
        self.assertTrue(data.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n"))
        self.assertEqual((visitor.end, self.stage.asked), ("half", []))

    def test_answers_in_the_form_that_is_asked_for(self) -> None:
        visitor = self.stage.visitor(get(b"/", b"Accept: application/json", host=b"nobody.localhost"))
        self.assertIn(b'"error": "no-such-tunnel"', visitor.read())
        visitor.send(get(host=b"nobody.localhost", method=b"HEAD"))
        self.assertTrue(visitor.read().endswith(b"\r\n\r\n"))


class LargeHeadTests(ServerCase):
    settings = {"header_limit": "80 KiB", "target_limit": "80 KiB"}

    def test_a_head_that_the_link_cannot_carry(self) -> None:
        """Limits in the settings may add up to more than one record; the exchange fails, and nothing else."""
        visitor = self.stage.visitor(get(b"/" + b"x" * 60 * KIB, b"A: " + b"y" * 60 * KIB))
        self.assert_answers(visitor, (431, "header-too-large"))
        self.assertEqual((visitor.end, self.stage.asked), ("open", []))


class ForwardedTests(ServerCase):
    """Where a request comes from, in the words of those who are trusted."""

    settings = {"trust_proxy": "10.0.0.1"}
    FORGED = (
        b"X-Forwarded-For: 1.2.3.4",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: a",
        b"Forwarded: for=1.2.3.4",
    )

    def test_not_from_anybody(self) -> None:
        for fields in (
            self.FORGED,
            (*self.FORGED, b"Connection: X-Forwarded-For, X-Real-Ip"),
            (b"X_Forwarded_For: 1",),
        ):
            visitor, service = self.stage.ask(get(b"/", *fields))
            self.assertEqual(service.value(b"X-Forwarded-For"), VISITOR.encode())
            self.assertEqual(service.value(b"X-Forwarded-Proto"), b"http")
            self.assertEqual(service.value(b"X-Forwarded-Host"), b"demo.localhost")
            self.assertIsNone(service.value(b"Forwarded"))
            self.assertIsNone(service.value(b"X_Forwarded_For"))
            self.assertEqual(service.opening.visitor, VISITOR)

    def test_from_the_proxy(self) -> None:
        self.stage.visitor(get(b"/", *self.FORGED), host="10.0.0.1")
        [service] = self.stage.asked
        self.assertEqual(service.value(b"X-Forwarded-For"), b"1.2.3.4, 10.0.0.1")
        self.assertEqual(service.value(b"X-Forwarded-Proto"), b"https")
        self.assertEqual(service.opening.visitor, "1.2.3.4")

    def test_a_tunnel_that_wants_none(self) -> None:
        """Its service is told nothing of the kind, whoever says it; the log knows the visitor all the same."""
        self.stage.open_tunnel("silent", options=TunnelOptions(forwarded=False))
        for host in (VISITOR, "10.0.0.1"):
            self.stage.visitor(get(b"/", *self.FORGED, b"X-Real-IP: 1.2.3.4", host=b"silent.localhost"), host=host)
            service = self.stage.asked[-1]
            self.assertEqual(service.opening.headers, [(b"Host", b"silent.localhost")])
            self.assertEqual(service.opening.visitor, VISITOR if host == VISITOR else "1.2.3.4")

    def test_ipv4_on_an_ipv6_socket(self) -> None:
        """One address has one spelling, for services, for trust and in the log."""
        self.stage.visitor(GET, host="::ffff:192.0.2.9")
        self.stage.visitor(get(b"/", *self.FORGED), host="::ffff:10.0.0.1")
        first, second = self.stage.asked
        self.assertEqual((first.value(b"X-Forwarded-For"), first.opening.visitor), (b"192.0.2.9", "192.0.2.9"))
        self.assertEqual(second.value(b"X-Forwarded-For"), b"1.2.3.4, 10.0.0.1")


class WildcardTests(ServerCase):
    """Names below a tunnel's own."""

    def setUp(self) -> None:
        super().setUp()
        self.registry: TunnelRegistry[SessionUpstream] = TunnelRegistry()
        self.stage.ingress.tunnels = self.registry
        self.claim("myapp", "*.myapp")

    def claim(self, label: str, *also: str, tunnel_id: int = 1, password: str = "") -> None:
        auth = basic_auth_digest(password) if password else None
        upstream = self.stage.upstream
        self.registry.claim(label, upstream, "owner", 0.0, tunnel_id=tunnel_id, auth=auth, also=also)

    def test_names_below(self) -> None:
        for host in (b"myapp.localhost", b"a.myapp.localhost", b"A.b.MYAPP.localhost.:80", b"_x.myapp.localhost"):
            visitor, service = self.stage.ask(get(host=host))
            self.assertEqual((service.opening.tunnel, service.value(b"Host")), (1, host))

    def test_a_name_of_its_own(self) -> None:
        self.claim("api.myapp", tunnel_id=2)
        for host, tunnel in ((b"api.myapp.localhost", 2), (b"a.api.myapp.localhost", 1), (b"a.myapp.localhost", 1)):
            self.assertEqual(self.stage.ask(get(host=host))[1].opening.tunnel, tunnel)

    def test_what_no_wildcard_stands_for(self) -> None:
        for host, answer in (
            (b"*.myapp.localhost", (400, "bad-host")),
            (b".myapp.localhost", (400, "bad-host")),
            (b"a..myapp.localhost", (400, "bad-host")),
            (b"amyapp.localhost", (404, "no-such-tunnel")),
            (b"myapp.localhost.example", (404, "no-such-tunnel")),
            (b"a.myapp.example", (404, "no-such-tunnel")),
            (b"a." * 120 + b"xmyapp", (404, "no-such-tunnel")),
        ):
            self.assert_answers(self.stage.visitor(get(host=host)), answer)
        self.assertEqual(self.stage.asked, [])

    def test_its_password_is_that_of_the_tunnel(self) -> None:
        """Whatever name is asked for: wrong ones under all names count together."""
        self.claim("safe", "*.safe", password="user:word")
        for number in range(10):
            visitor = self.stage.visitor(get(b"/", b"Authorization: Basic eDp5", host=b"%d.safe.localhost" % number))
            self.assert_answers(visitor, (401, "unauthorized"))
        visitor = self.stage.visitor(get(b"/", b"Authorization: Basic eDp5", host=b"last.safe.localhost"))
        self.assert_answers(visitor, (429, "rate-limited"))
        self.assertEqual(self.stage.asked, [])


class DomainTests(ServerCase):
    """Domains of owners' own."""

    def setUp(self) -> None:
        super().setUp()
        registry: TunnelRegistry[SessionUpstream] = TunnelRegistry()
        self.registry = self.stage.ingress.tunnels = registry
        registry.claim("shop.example.org.", self.stage.upstream, "owner", 0.0, tunnel_id=1, also=["*.example.org."])

    def test_everything_goes_there(self) -> None:
        """Also what has a meaning on the server's own domain: challenges of certificates, the gateway's path."""
        for path in (b"/", b"/.well-known/acme-challenge/tok_en-1", b"/.well-known/pki-validation/x.txt", b"/health"):
            for host in (b"shop.example.org", b"SHOP.Example.org.:80", b"a.b.example.org"):
                visitor, service = self.stage.ask(get(path, host=host))
                self.assertEqual((service.opening.tunnel, service.target, service.value(b"Host")), (1, path, host))
        self.assertEqual(self.stage.rooms.pages, [])

    def test_a_websocket_at_the_gateways_path(self) -> None:
        self.stage.visitor(UPGRADE.replace(b"/chat", b"/ws").replace(b"demo.localhost", b"shop.example.org"))
        [service] = self.stage.asked
        self.assertIsInstance(service.opening, WebSocketRequest)

    def test_other_domains(self) -> None:
        for host in (b"example.org", b"shop.example.org.localhost.example", b"xexample.org", b"example"):
            self.assert_answers(self.stage.visitor(get(host=host)), (404, "no-such-tunnel"))
        self.assertEqual(self.stage.asked, [])
