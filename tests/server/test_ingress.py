"""Visitors' connections: which request goes where, in which order answers come, and how connections end."""

from base64 import b64encode

from twisted.internet.testing import StringTransport

from sellia.errors import PROBLEMS
from sellia.relay.session import Session
from sellia.server.ingress import PIPELINE
from tests.server.support import GET, UPGRADE, VISITOR, PublicSide, ServerCase, chunked, get, post

KIB = 1024
BAD = b"GET / HTTP/1.1\r\nHost : demo.localhost\r\n\r\n"


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

    def test_ipv4_on_an_ipv6_socket(self) -> None:
        """One address has one spelling, for services, for trust and in the log."""
        self.stage.visitor(GET, host="::ffff:192.0.2.9")
        self.stage.visitor(get(b"/", *self.FORGED), host="::ffff:10.0.0.1")
        first, second = self.stage.asked
        self.assertEqual((first.value(b"X-Forwarded-For"), first.opening.visitor), (b"192.0.2.9", "192.0.2.9"))
        self.assertEqual(second.value(b"X-Forwarded-For"), b"1.2.3.4, 10.0.0.1")


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


class PipelineTests(ServerCase):
    """Requests that come before their predecessors are answered."""

    def test_in_order(self) -> None:
        visitor = self.stage.visitor(b"".join(get(b"/%d" % number) for number in range(5)))
        for number in range(5):
            self.assertEqual([each.target for each in self.stage.asked], [b"/%d" % each for each in range(number + 1)])
            self.stage.asked[-1].answer(b"<%d>" % number)
        data = visitor.read()
        self.assertEqual([data.count(b"<%d>" % number) for number in range(5)], [1] * 5)
        self.assertEqual(sorted(range(5), key=lambda number: data.index(b"<%d>" % number)), list(range(5)))
        self.assertEqual(visitor.end, "open")

    def test_reading_waits(self) -> None:
        visitor = self.stage.visitor(GET * 3)
        self.assertFalse(visitor.reading)
        self.stage.asked[-1].answer()
        self.assertFalse(visitor.reading)
        self.stage.asked[-1].answer()
        self.assertTrue(visitor.reading)
        self.stage.asked[-1].answer()
        self.assertEqual(len(self.stage.asked), 3)

    def test_different_tunnels_pages_and_problems(self) -> None:
        visitor = self.stage.visitor(GET + get(host=b"nobody.localhost") + get(host=b"localhost") + GET)
        self.assertEqual(visitor.read(), b"")
        self.stage.asked[0].answer()
        self.assert_answers(visitor, (200, None), (404, "no-such-tunnel"), (404, "no-such-page"))
        self.stage.asked[1].answer()
        self.assert_answers(visitor, (200, None))

    def test_problems_only(self) -> None:
        visitor = self.stage.visitor(get(host=b"nobody.localhost") * 50)
        self.assert_answers(visitor, *[(404, "no-such-tunnel")] * 50)
        self.assertTrue(visitor.reading)

    def test_bodies(self) -> None:
        whole = post(b"first") + chunked(b"sec", b"ond") + b"0\r\nX-T: v\r\n\r\n" + post(b"third", length=8)
        visitor = self.stage.visitor(whole)
        self.stage.asked[0].answer()
        self.stage.asked[1].answer()
        self.assertEqual([each.data for each in self.stage.asked], [b"first", b"second", b"third"])
        self.assertEqual(self.stage.asked[1].events[-1], ("end", [(b"X-T", b"v")]))
        self.assertFalse(self.stage.asked[2].ended)
        visitor.send(b"...")
        self.assertEqual((self.stage.asked[2].data, self.stage.asked[2].ended), (b"third...", True))
        self.stage.asked[2].answer()
        self.assert_answers(visitor, (200, None), (200, None), (200, None))

    def test_a_refused_request_is_answered_in_its_turn(self) -> None:
        visitor = self.stage.visitor(GET + GET + BAD + GET)
        self.stage.asked[0].answer(b"first")
        self.stage.asked[1].answer(b"second")
        self.assert_answers(visitor, (200, None), (200, None), (400, "bad-request"))
        self.assertEqual((visitor.end, len(self.stage.asked)), ("half", 2))

    def test_a_refused_request_in_a_later_read(self) -> None:
        visitor = self.stage.visitor(GET, BAD)
        self.assertEqual(visitor.read(), b"")
        self.stage.asked[0].answer()
        self.assert_answers(visitor, (200, None), (400, "bad-request"))
        self.assertEqual(visitor.end, "half")

    def test_a_refused_request_behind_a_problem(self) -> None:
        visitor = self.stage.visitor(get(host=b"nobody.localhost") + BAD)
        self.assert_answers(visitor, (404, "no-such-tunnel"), (400, "bad-request"))

    def test_a_pipelined_body_that_turns_out_to_be_none(self) -> None:
        """Its request never reaches the service."""
        visitor = self.stage.visitor(GET + chunked(b"hello") + b"xyz\r\n")
        self.stage.asked[0].answer()
        self.assert_answers(visitor, (200, None), (400, "bad-request"))
        self.assertEqual(len(self.stage.asked), 1)

    def test_a_refused_request_behind_the_last(self) -> None:
        """Connection: close means that nothing follows, not even a refusal."""
        visitor = self.stage.visitor(get(b"/", b"Connection: close"), BAD)
        self.stage.asked[0].answer()
        self.assert_answers(visitor, (200, None))
        self.assertEqual(visitor.end, "closed")

    def test_the_bound(self) -> None:
        """More than that many are answered as far as that, and the connection ends in order."""
        visitor = self.stage.visitor(get() * (PIPELINE + 50))
        for _ in range(PIPELINE + 1):
            self.stage.asked[-1].answer()
        self.assertEqual(len(self.stage.asked), PIPELINE + 1)
        self.assert_answers(visitor, *[(200, None)] * (PIPELINE + 1))
        self.assertEqual(visitor.end, "half", "the requests that were not read must not make it end in a reset")

    def test_behind_an_early_answer(self) -> None:
        visitor = self.stage.visitor(post(b"abc", length=5))
        self.stage.asked[0].answer(status=413)
        visitor.send(b"de" + GET)
        self.assertEqual((len(self.stage.asked), visitor.end), (1, "half"))

    def test_a_visitor_who_leaves(self) -> None:
        visitor = self.stage.visitor(GET * 3)
        visitor.leave()
        self.assertEqual([each.reset for each in self.stage.asked], ["visitor-gone"])


class DefectTests(ServerCase):
    """A mistake of ours ends one connection, with one report, and is not told as the visitor's."""

    def test_of_the_session(self) -> None:
        class Broken(Session):
            def open(self, *arguments: object, **named: object) -> None:  # type: ignore[override]
                raise ZeroDivisionError("a defect")

        self.stage.pair.server.session.__class__ = Broken
        self.addCleanup(setattr, self.stage.pair.server.session, "__class__", Session)
        visitor = self.stage.visitor(GET)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assert_answers(visitor, (500, "internal"))
        self.assertEqual(visitor.end, "half")


class UnixTests(ServerCase):
    def test_a_socket_without_an_address(self) -> None:
        """Behind a proxy on a unix socket there is no peer to name."""

        class Nameless(StringTransport):
            def getPeer(self) -> None:
                return None

        connection = self.stage.factory.buildProtocol(None)
        connection.makeConnection(Nameless())
        connection.dataReceived(GET)
        self.stage.talk()
        self.assertEqual(self.stage.asked[0].value(b"X-Forwarded-For"), b"unknown")
        connection.dataReceived(get(host=b"nobody.localhost"))
        connection.connectionLost(None)


class StopTests(ServerCase):
    def test_what_was_answered_is_delivered(self) -> None:
        """Visitors that wait are told before their connections end; none is left."""
        stage = PublicSide()
        stage.ingress.start()
        idle, (waiting, _), (streaming, other) = stage.visitor(), stage.ask(), stage.ask()
        other.head()
        stage.pair.server.session.close("server-restarting", "")
        stage.ingress.stop()
        self.assertEqual((idle.end, waiting.end, streaming.end), ("closed", "closed", "closed"))
        self.assertIn(b"Sellia-Error: server-restarting\r\n", waiting.read())
        stage.check()
