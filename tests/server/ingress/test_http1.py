"""Requests out of octets: however they are cut, they come through as they came."""

import gc
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import BAD_REQUEST, HEADER_TOO_LARGE, HTTP_VERSION_NOT_SUPPORTED, METHOD_NOT_ALLOWED
from tests.server.reading import H2C, READ, UPGRADE, Sink, chunked, feed_all, get, octet_by_octet, post, read, reader


class RequestTests(SynchronousTestCase):
    """What is right comes through as it came."""

    def test_head(self) -> None:
        data = b"GET /a//b%20?c=%00&d HTTP/1.1\r\nHost: A.b:80\r\nset-COOKIE: x\r\nSet-Cookie: y\r\nEmpty:\r\n\r\n"
        sink, _, problem = read(data)
        self.assertIsNone(problem)
        [request] = sink.requests
        self.assertEqual(request.method, b"GET")
        self.assertEqual(request.target, b"/a//b%20?c=%00&d")
        self.assertEqual(
            request.headers, [(b"Host", b"A.b:80"), (b"set-COOKIE", b"x"), (b"Set-Cookie", b"y"), (b"Empty", b"")]
        )
        self.assertEqual(request.hosts, [b"A.b:80"])
        self.assertEqual(request.values(b"set-cookie"), [b"x", b"y"])
        self.assertTrue(request.keep_alive)
        self.assertFalse(request.has_body or request.upgrade or request.chunked)
        self.assertEqual(sink.ends, [[]])

    def test_every_host_is_kept(self) -> None:
        """Whether one is right is for who routes; two must not look like one."""
        sink, _, _ = read(b"GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual([each.hosts for each in sink.requests], [[b"a", b"b"], []])

    def test_methods(self) -> None:
        """Also those of which llhttp has not heard, in any case; each however it is cut."""
        for method in (
            b"GET",
            b"get",
            b"PROPFIND",
            b"M-SEARCH",
            b"FLUSH",
            b"SETUP",
            b"BREW",
            b"X" * 32,
            b"a!#$%&'*+-.^",
        ):
            data = method + b" /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
            for pieces in ([data], octet_by_octet(data), [data[: len(method)], data[len(method) :]]):
                sink, _, problem = read(*pieces)
                self.assertIsNone(problem, method)
                self.assertEqual([(each.method, each.target) for each in sink.requests], [(method, b"/x")])
                self.assertEqual(sink.bodies, [b"hi"])

    def test_methods_that_are_none(self) -> None:
        for method in (b"X" * 33, b"G(T", b"G\x00T", b"G\xc9T", b"", b"\x16\x03\x01\x02"):
            sink, _, problem = read(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertIs(problem, BAD_REQUEST, method)
            self.assertEqual(sink.requests, [])

    def test_method_in_disguise_is_for_its_own_request_only(self) -> None:
        sink, _, problem = read(b"BREW / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\n\r\n", get())
        self.assertIsNone(problem)
        self.assertEqual([each.method for each in sink.requests], [b"BREW", b"POST", b"GET"])

    def test_unknown_methods_behind_other_requests_in_one_read(self) -> None:
        """Whatever ends the request before, and however many there are."""
        brew = b"BREW /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
        befores = (
            get(),
            post(b"he\r\n\r\no", b"Content-Length: 7"),
            chunked(b"6\r\na\r\n\r\nb\r\n0\r\nA: b\r\n\r\n"),
            brew,
            b"POST /h2c HTTP/1.1\r\nHost: a\r\n" + H2C + b"Content-Length: 3\r\n\r\nabc",
            get() + b"\r\n",
        )
        for before in befores:
            sink, _, problem = read((before + brew) * 3 + get(target=b"/last"))
            self.assertIsNone(problem, before)
            self.assertEqual([each.method for each in sink.requests][1::2], [b"BREW"] * 3)
            self.assertEqual(sink.bodies[1::2], [b"hi"] * 3)
            self.assertEqual(sink.requests[-1].target, b"/last")

    def test_unknown_method_that_comes_in_two_reads_behind_another_request(self) -> None:
        sink, _, problem = read(get() + b"XYZ", b"ZY / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertIsNone(problem)
        self.assertEqual([each.method for each in sink.requests], [b"GET", b"XYZZY"])

    def test_unknown_method_in_a_read_that_begins_or_ends_inside_a_request(self) -> None:
        brew = b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n"
        for pieces in ((post(b"hel", b"Content-Length: 5"), b"lo" + brew), (get() + brew[:1], brew[1:])):
            sink, _, problem = read(*pieces)
            self.assertIsNone(problem)
            self.assertEqual(len(sink.ends), 2)
            self.assertEqual(sink.requests[1].method, b"BREW")

    def test_a_read_full_of_unknown_methods(self) -> None:
        one = b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n"
        sink, _, problem = read(one * (READ // len(one)))
        self.assertIsNone(problem)
        self.assertEqual(len(sink.ends), READ // len(one))

    def test_blank_lines_before_a_request(self) -> None:
        sink, _, problem = read(b"\r\n", b"\r\n\r\n" + get(), b"\r", b"\n", b"\r\n" + get())
        self.assertIsNone(problem)
        self.assertEqual(len(sink.ends), 2)

    def test_lengths(self) -> None:
        sink, _, problem = read(post(b"hello", b"Content-Length: 5"), post(b"", b"content-length: 0"))
        self.assertIsNone(problem)
        self.assertEqual(sink.bodies, [b"hello", b""])
        self.assertEqual([each.length for each in sink.requests], [5, 0])
        self.assertEqual([each.has_body for each in sink.requests], [True, False])

    def test_chunks(self) -> None:
        body = b"5\r\nhello\r\nA;name=value\r\n, world!!!\r\n000\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n"
        for pieces in ([chunked(body)], octet_by_octet(chunked(body))):
            sink, _, problem = read(*pieces)
            self.assertIsNone(problem)
            self.assertEqual(sink.bodies, [b"hello, world!!!"])
            self.assertEqual(sink.ends, [[(b"X-Sum", b"1"), (b"X-Sum", b"2")]])
            self.assertTrue(sink.requests[0].chunked and sink.requests[0].has_body)

    def test_trailers_are_told_apart_from_headers(self) -> None:
        sink, _, _ = read(chunked(b"0\r\nHost: b\r\n\r\n") + get())
        self.assertEqual([each.hosts for each in sink.requests], [[b"a"], [b"a"]])
        self.assertEqual(sink.ends, [[(b"Host", b"b")], []])

    def test_http_1_0(self) -> None:
        sink, _, _ = read(get(version=b"1.0"))
        self.assertEqual((sink.requests[0].minor, sink.requests[0].keep_alive), (0, False))
        sink, _, _ = read(get(b"Connection: keep-alive", version=b"1.0"), get(version=b"1.0"))
        self.assertEqual([each.keep_alive for each in sink.requests], [True, False])

    def test_nothing_is_read_behind_the_last_request(self) -> None:
        """Connection: close is the visitor's word; what follows is neither a request nor a mistake."""
        for last in (
            get(b"Connection: close"),
            get(version=b"1.0"),
            get(*H2C.split(b"\r\n")[:1], b"Connection: upgrade, close"),
        ):
            for pieces in (
                (last + get(),),
                (last, get(), b"garbage"),
                (last + b"\x00", b"\x00"),
                (last, b"GE", b"T /"),
            ):
                sink, returned, problem = read(*pieces)
                self.assertIsNone(problem)
                self.assertIsNone(returned)
                self.assertEqual(len(sink.ends), 1)

    def test_where_a_head_stands(self) -> None:
        sink = Sink()
        it = reader(sink)
        states = []
        for piece in (
            b"\r\n",
            b"GE",
            b"T / HT",
            b"TP/1.1\r\nContent-Length: 2\r\n\r\n",
            b"hi",
            b"G",
            b"ET / HTTP/1.1\r\n\r\n",
        ):
            it.feed(piece)
            states.append((it.at_start, it.in_head))
        self.assertEqual(
            states,
            [(True, False), (False, True), (False, True), (False, False), (True, False), (False, True), (True, False)],
        )

    def test_a_defect_of_the_sink_is_not_the_visitors(self) -> None:
        sink = Sink()
        sink.fault = ZeroDivisionError("a defect")
        self.assertRaises(ZeroDivisionError, reader(sink).feed, get())


class PackTests(SynchronousTestCase):
    """Heads that come in several reads are kept as bytes, and come through all the same."""

    def test_fields(self) -> None:
        fields = [b"A:", b"B: c:d", b"E: :", b"F: g\th", b"a: again", b"X: \xff\xfe"]
        data = get(*fields)
        whole, _, _ = read(data)
        for size in range(1, len(data)):
            cut, _, problem = read(*[data[at : at + size] for at in range(0, len(data), size)])
            self.assertIsNone(problem)
            self.assertEqual(cut.seen, whole.seen)

    def test_memory(self) -> None:
        """A head of small fields without an end takes no more than four times what came of it."""
        data = get(*[b"ab:c"] * 120)[:-2]
        readers = [reader(Sink()) for _ in range(100)]
        gc.collect()
        tracemalloc.start()
        for each in readers:
            each.feed(bytes(bytearray(data)))
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertLess(held / len(readers), 4 * len(data))

    def test_the_limit_of_fields(self) -> None:
        fields = [b"A: b"] * 130
        self.assertIs(read(*octet_by_octet(get(*fields)))[2], HEADER_TOO_LARGE)


class UpgradeTests(SynchronousTestCase):
    """Which upgrades are made, and what is not read then."""

    def test_what_follows_is_given_back(self) -> None:
        for rest in (b"", b"\x81\x80\x00\x00\x00\x00", get()):
            sink, returned, problem = read(UPGRADE + rest)
            self.assertIsNone(problem)
            self.assertEqual(returned, rest)
            self.assertTrue(sink.requests[0].upgrade)
            self.assertEqual(sink.ends, [], "a handshake has no end of its own")

    def test_behind_other_requests(self) -> None:
        sink, returned, _ = read(get() + UPGRADE + b"rest")
        self.assertEqual(returned, b"rest")
        self.assertEqual([each.upgrade for each in sink.requests], [False, True])

    def test_spellings(self) -> None:
        for fields in (
            b"upgrade: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n",
            b"Upgrade: h2c, websocket\r\nConnection: Upgrade\r\n",
            b"Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
            b"Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n",
        ):
            sink, _, problem = read(b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n")
            self.assertIsNone(problem)
            self.assertTrue(sink.requests[0].upgrade, fields)

    def test_not_without_connection(self) -> None:
        sink, _, problem = read(get(b"Upgrade: websocket") + get())
        self.assertIsNone(problem)
        self.assertEqual([each.upgrade for each in sink.requests], [False, False])
        self.assertEqual(len(sink.ends), 2)

    def test_refused(self) -> None:
        """A handshake that has a body, or that came as HTTP/1.0, is none that can be passed on."""
        for data in (
            UPGRADE[:-2] + b"Content-Length: 5\r\n\r\nhello",
            UPGRADE[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"),
            UPGRADE.replace(b"GET", b"POST")[:-2] + b"Content-Length: 5\r\n\r\nhello",
        ):
            sink, _, problem = read(data)
            self.assertIs(problem, BAD_REQUEST)
            self.assertEqual(sink.requests, [])

    def test_other_upgrades_are_ordinary_requests(self) -> None:
        """With a body of either framing, and what follows it is the next request."""
        for body, fields in (
            (b"", b""),
            (b"hello", b"Content-Length: 5\r\n"),
            (b"5\r\nhello\r\n0\r\n\r\n", b"Transfer-Encoding: chunked\r\n"),
        ):
            head = b"POST /x HTTP/1.1\r\nHost: a\r\n" + H2C + fields + b"\r\n"
            data = head + body + get(target=b"/next")
            for pieces in ([data], octet_by_octet(data), [head, data[len(head) :]]):
                sink, _, problem = read(*pieces)
                self.assertIsNone(problem)
                self.assertEqual([each.target for each in sink.requests], [b"/x", b"/next"])
                self.assertEqual([each.upgrade for each in sink.requests], [False, False])
                self.assertEqual(sink.bodies, [b"hello" if body else b"", b""])
                self.assertEqual(len(sink.ends), 2)

    def test_websocket_by_another_method_is_an_ordinary_request(self) -> None:
        sink, _, problem = read(UPGRADE.replace(b"GET", b"POST") + get())
        self.assertIsNone(problem)
        self.assertEqual([each.upgrade for each in sink.requests], [False, False])

    def test_a_read_full_of_other_upgrades(self) -> None:
        """A thousand in one read are a thousand requests, and not so many levels of calls."""
        one = b"GET / HTTP/1.1\r\nHost:a\r\nUpgrade:a\r\nConnection:upgrade\r\n\r\n"
        sink, _, problem = read(one * (READ // len(one)))
        self.assertIsNone(problem)
        self.assertEqual(len(sink.ends), READ // len(one))

    def test_tunnels_of_other_kinds(self) -> None:
        for target in (b"a:80", b"/"):
            sink, _, problem = read(b"CONNECT " + target + b" HTTP/1.1\r\nHost: a\r\n\r\nmore")
            self.assertIs(problem, METHOD_NOT_ALLOWED)
            self.assertEqual(sink.requests, [])
        for data in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"PRI * HTTP/1.1\r\nHost: a\r\n\r\n"):
            self.assertIs(read(data)[2], HTTP_VERSION_NOT_SUPPORTED)
            self.assertIs(read(*octet_by_octet(data))[2], HTTP_VERSION_NOT_SUPPORTED)


STREAM = (
    b"\r\n"
    + get(b"A: b", target=b"/first")
    + post(b"hello", b"Content-Length: 5")
    + chunked(b"5;x=y\r\nhello\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n")
    + b"\r\n"
    + b"POST /h2c HTTP/1.1\r\nHost: a\r\n" + H2C + b"Content-Length: 3\r\n\r\nabc"
    + b"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    + UPGRADE
    + b"what follows"
)  # fmt: skip


class CutTests(SynchronousTestCase):
    """However the network cuts a stream of requests, they are the same requests."""

    @settings(deadline=None, max_examples=150)
    @given(st.lists(st.integers(1, len(STREAM) - 1), unique=True, max_size=30))
    def test_any_cut(self, cuts: list[int]) -> None:
        expected, whole, problem = read(STREAM)
        assert problem is None
        assert whole == b"what follows"
        assert len(expected.requests) == 6
        edges = [0, *sorted(cuts), len(STREAM)]
        sink = Sink()
        it = reader(sink)
        for start, stop in zip(edges, edges[1:], strict=False):
            rest = feed_all(it, STREAM[start:stop])
            if it.upgraded:
                assert rest + STREAM[stop:] == b"what follows"
                break
        assert sink.seen == expected.seen
        assert sink.ends == expected.ends
