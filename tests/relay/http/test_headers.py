"""What of a header section goes on, what stays, what is refused."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.messages import Headers
from sellia.relay.http import headers as rules
from sellia.relay.http.forwarded import UNIX, Origin
from sellia.relay.http.headers import (
    carried_extensions,
    cookie_of,
    request_to_service,
    response_to_visitor,
    strip_authorization,
    without_extensions,
)

FOR = (b"X-Forwarded-For", b"203.0.113.7")
PROTO = (b"X-Forwarded-Proto", b"http")
HOST = (b"X-Forwarded-Host", b"demo.localhost")
PORT = (b"X-Forwarded-Port", b"80")
FRESH = [FOR, PROTO, HOST, PORT]
ORIGIN = Origin(FOR[1], PROTO[1], HOST[1], PORT[1], "203.0.113.7")
TRUSTED = ORIGIN._replace(trusted=True)


def onward(headers: Headers, *, trusted: bool = False, upgrade: bool = False, believed: bytes = b"") -> Headers:
    """The section as it goes on from a visitor at 203.0.113.7 who asked for demo.localhost over http."""
    origin = TRUSTED if trusted else ORIGIN
    return request_to_service(headers, origin, upgrade=upgrade, believed=frozenset(believed.split()))


class RequestTests(SynchronousTestCase):
    def test_end_to_end_headers_stay_as_they_are(self) -> None:
        """Order, case, repetition, and a Host that is the visitor's."""
        sent = [
            (b"hOsT", b"demo.localhost:3000"),
            (b"Cookie", b"a=1"),
            (b"X-Custom_Name", b""),
            (b"cookie", b"b=2"),
            (b"Content-Length", b"3"),
            (b"Trailer", b"Digest"),
            (b"Expect", b"100-continue"),
            (b"Authorization", b"Bearer x"),
            (b"Sec-WebSocket-Extensions", b"nonsense"),
        ]
        self.assertEqual(onward(sent), sent + FRESH)

    def test_hop_by_hop_headers_stay_behind(self) -> None:
        sent = [
            (b"Host", b"demo.localhost"),
            (b"Connection", b"keep-alive, Upgrade"),
            (b"KEEP-ALIVE", b"timeout=5"),
            (b"Proxy-Connection", b"keep-alive"),
            (b"Proxy-Authenticate", b"Basic"),
            (b"proxy-authorization", b"Basic eA=="),
            (b"Transfer-Encoding", b"chunked"),
            (b"Upgrade", b"h2c"),
            (b"HTTP2-Settings", b"AAMAAABk"),
        ]
        self.assertEqual(onward(sent), [(b"Host", b"demo.localhost"), *FRESH])

    def test_what_connection_names_stays_behind(self) -> None:
        sent = [(b"X-Hop", b"1"), (b"Connection", b"close,, x-hop ,\tX-OTHER"), (b"X-Other", b"2"), (b"X-End", b"3")]
        self.assertEqual(onward(sent), [(b"X-End", b"3"), *FRESH])

    def test_connection_cannot_remove_what_says_whence_whither_or_how_long(self) -> None:
        named = b"Host, Content-Length, X-Forwarded-For, x-forwarded-proto, X-Forwarded-Host, Forwarded, X-Real-Ip"
        kept = [(b"Host", b"demo.localhost"), (b"Content-Length", b"3")]
        said = [(b"Forwarded", b"for=198.51.100.1"), (b"X-Real-IP", b"198.51.100.1")]
        connection = [(b"Connection", named), (b"Connection", b"close, Sec-WebSocket-Key, TE")]
        self.assertEqual(onward(kept + connection), kept + FRESH)
        written = [(b"X-Real-IP", b"203.0.113.7"), (b"Forwarded", b'for=203.0.113.7;host="demo.localhost";proto=http')]
        self.assertEqual(onward(kept + said + connection, trusted=True), kept + FRESH + written)

    def test_te_goes_on_as_far_as_it_says_trailers(self) -> None:
        self.assertEqual(onward([(b"TE", b"gzip;q=0.5, Trailers")]), [(b"TE", b"trailers"), *FRESH])
        self.assertEqual(onward([(b"TE", b"trailers"), (b"Connection", b"TE")]), [(b"TE", b"trailers"), *FRESH])
        self.assertEqual(onward([(b"te", b"gzip")]), FRESH)

    def test_forged_forwarded_headers_are_removed(self) -> None:
        sent = [
            (b"X-Forwarded-For", b"10.0.0.1"),
            (b"x-forwarded-for", b"10.0.0.2"),
            (b"X-Forwarded-Proto", b"https"),
            (b"X-Forwarded-Host", b"bank.example"),
            (b"X-Forwarded-Port", b"443"),
            (b"X-Forwarded-Prefix", b"/admin"),
            (b"X-Forwarded", b"10.0.0.1"),
            (b"Forwarded", b"for=10.0.0.1"),
            (b"X-Real-IP", b"10.0.0.1"),
            (b"Connection", b"close, X-Real-Ip"),
        ]
        self.assertEqual(onward(sent), FRESH)

    def test_underscores_do_not_get_a_forged_header_through(self) -> None:
        """CGI and WSGI fold `_` and `-` into one; not even a trusted peer means to send these."""
        sent = [
            (b"X_Forwarded_For", b"10.0.0.1"),
            (b"x-forwarded_proto", b"https"),
            (b"X_Real_IP", b"10.0.0.1"),
            (b"Content_Length", b"5"),
            (b"Transfer_Encoding", b"chunked"),
        ]
        for trusted in (False, True):
            self.assertEqual(onward(sent, trusted=trusted), FRESH)

    def test_what_a_trusted_peer_passes_on_is_written_anew(self) -> None:
        """The origin has its word already; further fields of it pass if they are believed."""
        said = [
            (b"X-Forwarded-For", b"198.51.100.1"),
            (b"x-forwarded-for", b"198.51.100.2"),
            (b"X-Forwarded-Proto", b"https"),
            (b"x-real-ip", b"198.51.100.1"),
            (b"X-Forwarded-User", b"root"),
            (b"X-Forwarded-Prefix", b"/app"),
            (b"X-Forwarded-Server", b"evil"),
            (b"X-Forwarded-Ssl", b"on"),
            (b"X-Forwarded-Scheme", b"https"),
            (b"X-Forwarded", b"for=1"),
            (b"Accept", b"*/*"),
        ]
        accept, real, prefix = said[-1], (b"X-Real-IP", b"203.0.113.7"), (b"X-Forwarded-Prefix", b"/app")
        self.assertEqual(onward(said, trusted=True), [accept, *FRESH, real])
        self.assertEqual(onward(said, trusted=True, believed=b"x-forwarded-prefix"), [prefix, accept, *FRESH, real])
        self.assertEqual(onward(said, believed=b"x-forwarded-prefix"), [accept, *FRESH])

    def test_a_visitor_without_an_address(self) -> None:
        said = [(b"X-Real-IP", b"1.2.3.4"), (b"Forwarded", b"for=1.2.3.4")]
        origin = Origin(b"unknown", b"https", b"a:1", b"1", UNIX, True)
        received = request_to_service(said, origin)
        self.assertEqual(received[0], (b"X-Forwarded-For", b"unknown"))
        self.assertEqual(received[4:], [(b"Forwarded", b'for=unknown;host="a:1";proto=https')])

    def test_no_forwarded_fields_at_all(self) -> None:
        """Neither ours nor anybody's."""
        sent = [(b"X-Forwarded-For", b"1.2.3.4"), (b"Forwarded", b"for=1"), (b"X-Real-IP", b"1"), (b"Accept", b"*/*")]
        self.assertEqual(request_to_service(sent, None, believed=frozenset((b"x-forwarded-for",))), sent[-1:])

    def test_the_given_section_is_not_changed(self) -> None:
        sent = [(b"Connection", b"x"), (b"X", b"1"), (b"X-Forwarded-For", b"10.0.0.1")]
        copy = list(sent)
        onward(sent, trusted=True)
        self.assertEqual(sent, copy)

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(
                    b"Host Accept X-Forwarded-For x_forwarded_for X-REAL-IP Forwarded Connection connection TE Upgrade "
                    b"Transfer-Encoding X-Hop Sec-WebSocket-Extensions X-Forwarded-Port".split()
                ),
                st.sampled_from([b"", b"close", b"x-hop, x-forwarded-for", b"host", b"trailers", b"10.9.9.9"]),
            ),
            max_size=12,
        ),
        st.booleans(),
    )
    def test_nothing_forged_or_hop_by_hop_ever_passes(self, sent: Headers, upgrade: bool) -> None:
        """Whatever an untrusted visitor sends: one true X-Forwarded-For, all Hosts, nothing of the connection's."""
        received = onward(sent, upgrade=upgrade)
        self.assertEqual(received[-4:], FRESH)
        names = [name.lower().replace(b"_", b"-") for name, _ in received]
        self.assertEqual(names.count(b"x-forwarded-for"), 1)
        self.assertFalse({b"connection", b"upgrade", b"transfer-encoding", b"x-real-ip", b"forwarded"} & set(names))
        self.assertEqual(names.count(b"host"), sum(name == b"Host" for name, _ in sent))
        self.assertTrue(all(pair in sent for pair in received[:-4]))


class UpgradeTests(SynchronousTestCase):
    def test_the_handshake_goes_on_without_what_the_leg_writes_itself(self) -> None:
        handshake = [
            (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
            (b"Sec-WebSocket-Version", b"13"),
            (b"Sec-WebSocket-Protocol", b"vite-hmr, chat"),
            (b"Origin", b"http://demo.localhost"),
        ]
        sent = [(b"Connection", b"keep-alive, Upgrade"), (b"Upgrade", b"websocket"), *handshake]
        self.assertEqual(onward(sent, upgrade=True), handshake + FRESH)

    def test_only_extensions_that_can_be_carried_are_offered_on(self) -> None:
        sent = [
            (b"Sec-WebSocket-Extensions", b"permessage-deflate;  client_max_window_bits"),
            (b"sec-websocket-extensions", b"x-mux, Permessage-Deflate; server_max_window_bits=10 , bbf-usp-protocol"),
            (b"Sec-WebSocket-Extensions", b"x-webkit-deflate-frame"),
        ]
        expected = [
            (b"Sec-WebSocket-Extensions", b"permessage-deflate;  client_max_window_bits"),
            (b"sec-websocket-extensions", b"Permessage-Deflate; server_max_window_bits=10"),
        ]
        self.assertEqual(onward(sent, upgrade=True), expected + FRESH)

    def test_a_comma_in_quotes_does_not_end_an_offer(self) -> None:
        self.assertEqual(carried_extensions(b'x-a; b="c, permessage-d", permessage-e'), b"permessage-e")
        self.assertEqual(carried_extensions(b'permessage-a; b="c, d"'), b'permessage-a; b="c, d"')
        self.assertEqual(carried_extensions(b'x-a; b="c\\", permessage-d'), b"")

    def test_quotes_without_end_cost_no_more_than_others(self) -> None:
        """64 KiB of them are done with at once; were it quadratic, this would take minutes."""
        began = time.process_time()
        for offers in (b'"' * 65535, b'"\\' * 32768, b'\\"' * 32768, b'a;b="' * 13107):
            self.assertEqual(carried_extensions(offers), b"")
        self.assertLess(time.process_time() - began, 2)

    def test_elements_of_lists(self) -> None:
        headers = [(b"A", b"x, y,,z"), (b"B", b"n"), (b"a", b"\t w ")]
        self.assertEqual(rules.values_of(headers, b"a"), [b"x", b"y", b"z", b"w"])

    def test_a_dialect_can_do_without_extensions(self) -> None:
        self.assertEqual(without_extensions([(b"SEC-WebSocket-Extensions", b"x"), HOST]), [HOST])


class ResponseTests(SynchronousTestCase):
    def test_end_to_end_headers_stay_as_they_are(self) -> None:
        answer = [
            (b"Set-Cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            (b"Content-Length", b"0"),
            (b"X-Forwarded-For", b"as the service likes"),
            (b"X_Forwarded_Proto", b"likewise"),
            (b"Sec-WebSocket-Accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            (b"Sec-WebSocket-Extensions", b"permessage-deflate"),
            (b"Trailer", b"Digest"),
        ]
        self.assertEqual(response_to_visitor(answer), answer)

    def test_hop_by_hop_headers_stay_behind(self) -> None:
        answer = [
            (b"Connection", b"close, X-Hop"),
            (b"X-Hop", b"1"),
            (b"Keep-Alive", b"timeout=5"),
            (b"Transfer-Encoding", b"chunked"),
            (b"Upgrade", b"h2c"),
            (b"Proxy-Authenticate", b"Basic"),
            (b"TE", b"trailers"),
            (b"Server", b"x"),
        ]
        self.assertEqual(response_to_visitor(answer), [(b"Server", b"x")])

    def test_a_service_cannot_speak_in_our_name(self) -> None:
        self.assertEqual(response_to_visitor([(b"sellia-Error", b"no-such-tunnel"), (b"A", b"b")]), [(b"A", b"b")])

    def test_a_426_still_says_what_to_upgrade_to(self) -> None:
        answer = [(b"Upgrade", b"websocket"), (b"Connection", b"upgrade, x"), (b"Sec-WebSocket-Version", b"13")]
        self.assertEqual(response_to_visitor(answer, 426), [answer[0], answer[2]])
        self.assertEqual(response_to_visitor(answer, 101), [answer[2]])


class SmallRulesTests(SynchronousTestCase):
    def test_authorization_can_be_kept_from_the_service(self) -> None:
        sent = [
            (b"AUTHORIZATION", b"Basic eA=="),
            (b"Authorisation__", b"x"),
            (b"Cookie", b"y"),
            (b"authorization", b""),
        ]
        self.assertEqual(strip_authorization(sent), [(b"Authorisation__", b"x"), (b"Cookie", b"y")])

    def test_a_cookie_by_its_name(self) -> None:
        for values, found in (
            ([], None),
            ([b"a=1; b=2"], b"2"),
            ([b"a=1", b"b=2;b=3"], b"2"),
            ([b"\tb=x=y ;a"], b"x=y"),
            ([b"b=; b=4"], b"4"),
            ([b"B=1; bb=2; b"], None),
        ):
            self.assertEqual(cookie_of(values, b"b"), found, values)
