"""Reverse proxies in front, with the files in ``conf/``: what people's visitors meet in production."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from tests.e2e import fronts
from tests.e2e.fronts import Front
from tests.e2e.recorder import Recorder, ServiceLeg
from tests.e2e.stage import DIRECT, Finished, Reach, curl, curl_argv, events, node_argv, through_tunnel_only
from tests.e2e.visits import Visit, VisitTests, service_port
from tests.processes import Process

BIG = 64 * 1024 * 1024
MIB = 1 << 20


@cache
def recorder() -> Recorder:
    """The service for HTTP, shared by the tests of this module."""
    return Recorder()


class ProxyTests:
    """
    What holds behind every proxy.

    Mixed into a test case for each; ``start`` starts the proxy in front of a port.
    """

    start: Callable[[int], Front]
    name: str

    accepted: str | None = None
    """What the service is told to be accepted as an encoding where the visitor accepts none."""

    @staticmethod
    def spelled(target: str) -> str:
        """A target as the proxy spells it."""
        return target

    def place(self) -> Reach:
        """Where the recording service is reached, by https."""
        return fronts.place(type(self).start, recorder().port, f"{self.name}-http")

    def ask(self: Any, path: str, *options: str, stdin: bytes = b"") -> bytes:
        """curl's output for an https URL, provided that curl was content; the certificate is verified."""
        cert, _ = fronts.certificate()
        options = ("--cacert", str(cert), *options)
        finished: Finished = curl(self.place(), path, *options, stdin=stdin, scheme="https")
        self.assertEqual(finished.status, 0, finished.errors)
        return finished.output

    def wss(self: Any, path: str, *steps: Sequence[Any], **how: Any) -> Visit:
        """A visit by wss; the certificate is verified."""
        cert, _ = fronts.certificate()
        place = fronts.place(type(self).start, service_port(), f"{self.name}-ws")
        environment = {"NODE_EXTRA_CA_CERTS": str(cert)}
        visit: Visit = self.visit(place, path, *steps, scheme="wss", env=environment, **how)
        return visit

    def exchange(self: Any, target: str) -> ServiceLeg:
        """The one request for ``target`` at the service."""
        [exchange] = recorder().exchanges(target)
        return exchange

    def test_service_learns_of_https(self: Any) -> None:
        """Scheme, host with its port, and the visitor's address reach the service, once each; forged ones do not."""
        for version in ("--http1.1", "--http2"):
            path = f"/{self.name}/forwarded{version}"
            forged = ["-H", "X-Forwarded-For: 6.6.6.6", "-H", "X-Forwarded-Proto: gopher", "-H", "X-Forwarded-Host: e"]
            self.assertEqual(self.ask(path, version, *forged), b"ok\n")
            exchange = self.exchange(path)
            self.assertEqual(exchange.header("X-Forwarded-Proto"), "https")
            self.assertEqual(exchange.header("X-Forwarded-Host"), self.place().authority)
            self.assertEqual(exchange.header("Host"), self.place().authority)
            addresses = [part.strip() for part in (exchange.header("X-Forwarded-For") or "").split(",")]
            # In a tunnel's run Sellia adds the address of the proxy that it trusts.
            self.assertEqual(addresses[-1:] if DIRECT else addresses, ["127.0.0.1"] if DIRECT else ["127.0.0.1"] * 2)

    def test_forged_identity(self: Any) -> None:
        """Of all fields that say who or where a visitor is, a service gets only what Sellia has found out."""
        through_tunnel_only()
        values = {
            "X-Real-IP": "6.6.6.6",
            "Forwarded": "for=6.6.6.6;host=evil.example;proto=gopher",
            "X-Forwarded-For": "6.6.6.6, 6.6.6.7",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Port": "666",
            "X_Forwarded_For": "6.6.6.6",
            "X_Real_IP": "6.6.6.6",
            "X-Forwarded_Proto": "gopher",
            **{f"X-Forwarded-{word}": "evil.example" for word in ("User", "Prefix", "Server", "Ssl", "Scheme", "By")},
        }
        forged = [part for name, value in values.items() for part in ("-H", f"{name}: {value}")]
        for version in ("--http1.1", "--http2"):
            for more in ([], ["-H", "Connection: close, X-Forwarded-For, X-Forwarded-Proto, X-Real-IP"]):
                path = f"/{self.name}/identity{version}{len(more)}"
                self.ask(path, version, *forged, *more)
                if more and not recorder().exchanges(path):
                    continue  # Envoy refuses such a Connection
                exchange = self.exchange(path)
                for value in (b"6.6.6", b"666\r", b"evil.example", b"gopher"):
                    self.assertNotIn(value, exchange.head)
                self.assertEqual(exchange.header("X-Forwarded-Port"), str(self.place().port))
                self.assertEqual(exchange.header("X-Forwarded-Proto"), "https")
                self.assertIn(exchange.header("X-Real-IP"), (None, "127.0.0.1"))

    def test_a_long_field(self: Any) -> None:
        """A field of nearly 64 KiB, which is what Sellia takes, reaches the service."""
        for version in ("--http1.1", "--http2"):
            path = f"/{self.name}/long{version}"
            cookie = "c=" + "x" * 63 * 1024
            self.assertEqual(self.ask(path, version, "-H", "@-", stdin=f"Cookie: {cookie}".encode()), b"ok\n")
            self.assertEqual(self.exchange(path).header("Cookie"), cookie)

    def test_what_a_service_would_have_the_proxy_do(self: Any) -> None:
        """An answer that tells a proxy to send something else, to be slow or to buffer is an answer like any other."""
        for number, field in enumerate(
            ("X-Accel-Redirect: /elsewhere", "X-Sendfile: /etc/hostname", "X-Accel-Limit-Rate: 1", "X-Accel-Charset: x")
        ):
            path = f"/{self.name}/obey{number}"
            recorder().on(path, f"HTTP/1.1 200 OK\r\n{field}\r\nContent-Length: 9\r\n\r\nas it is\n".encode())
            self.assertEqual(self.ask(path, "--max-time", "5"), b"as it is\n")

    def test_target_byte_for_byte(self: Any) -> None:
        """Double slashes and percent-encoding pass the proxy untouched."""
        target = f"/{self.name}//a//%2f%C3%bc;p=1/x.y?q=%20+&&q=%2F?/"
        self.ask(target, "--path-as-is", "--globoff")
        self.exchange(self.spelled(target))

    def test_asks_for_no_compression_of_its_own(self: Any) -> None:
        """A visitor who did not offer to unpack anything is not made to seem so."""
        path = f"/{self.name}/accept"
        self.ask(path)
        self.assertEqual(self.exchange(path).header("Accept-Encoding"), self.accepted)

    def test_large_upload(self: Any) -> None:
        """A large upload arrives whole, and its beginning before its end was sent."""
        path = f"/{self.name}/upload"
        piece = bytes(range(256)) * 4096
        digest = hashlib.sha256()
        with tempfile.NamedTemporaryFile() as upload:
            for _ in range(BIG // len(piece)):
                upload.write(piece)
                digest.update(piece)
            upload.flush()
            self.assertEqual(self.ask(path, "--upload-file", upload.name), b"ok\n")
        exchange = self.exchange(path)
        self.assertEqual((exchange.length, exchange.digest), (BIG, digest.hexdigest()))

    def test_upload_is_not_held_back(self: Any) -> None:
        """What a visitor has sent reaches the service while the visitor has yet to send the rest."""
        path = f"/{self.name}/streamed"
        cert, _ = fronts.certificate()
        argv = curl_argv(self.place(), path, "--cacert", str(cert), "-T", "-", "--http1.1", scheme="https")
        script = ["sh", "-c", 'tail -f /dev/null | "$@"', "sh", *argv]
        begun = threading.Event()

        def begin(exchange: ServiceLeg) -> None:
            begun.set()
            exchange.released.wait(30)

        recorder().on(path, begin)
        with Process(script, name="curl"):
            self.assertTrue(begun.wait(20), "the request was held back until its end")
        self.exchange(path).released.set()

    def test_server_sent_events_arrive_one_by_one(self: Any) -> None:
        """Each event reaches the visitor before the service sends the next."""
        path = f"/{self.name}/events"
        step = threading.Semaphore(0)

        def clock(exchange: ServiceLeg) -> None:
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in range(4):
                event = f"data: {number}\n\n"
                exchange.send(f"{len(event):x}\r\n{event}\r\n".encode())
                if not step.acquire(timeout=20):
                    raise AssertionError("the visitor never saw the event")
            exchange.send(b"0\r\n\r\n")

        recorder().on(path, clock)
        cert, _ = fronts.certificate()
        argv = curl_argv(self.place(), path, "--cacert", str(cert), "--no-buffer", scheme="https")
        with Process(argv, name="curl") as visitor:
            for number in range(4):
                visitor.wait_for_line(f"data: {number}")
                step.release()
            self.assertEqual(visitor.wait_for_exit(), 0)
        self.assertEqual(recorder().failures, [])

    def test_many_cookies(self: Any) -> None:
        """An answer with 16 KiB of Set-Cookie lines gets through the proxy's buffers."""
        path = f"/{self.name}/cookies"
        cookies = [f"Set-Cookie: c{number}={'v' * 380}" for number in range(40)]
        recorder().on(path, "\r\n".join(["HTTP/1.1 200 OK", *cookies, "Content-Length: 0", "", ""]).encode())
        output = self.ask(path, "--include", "--http1.1").decode()
        lines = [line.replace("set-cookie", "Set-Cookie") for line in output.splitlines()]
        self.assertEqual([line for line in lines if line.startswith("Set-Cookie")], cookies)

    def test_http_is_sent_to_https(self: Any) -> None:
        """Port 80 answers with a redirect to the same place by https."""
        front = fronts.front(type(self).start, fronts.upstream(recorder().port, f"{self.name}-http"))
        plain = Reach(front.http_port, self.place().name)
        output = curl(plain, "/some?where", "--include").output.decode()
        self.assertIn(output.split()[1], ("301", "308"))
        self.assertRegex(output, rf"(?im)^location: https://{self.place().name}(:\d+)?/some\?where\r?$")

    def test_websocket(self: Any) -> None:
        """101 by wss, subprotocol and cookies included, and frames of every kind in order."""
        steps = [["text", "hello"], ["binary", MIB], ["ping", "p"], ["await", "message", 2], ["await", "pong"]]
        visit = self.wss("/echo?q=1", *steps, ["close", 4001, "enough"], protocols=("vite-hmr",))
        self.assertEqual(visit.seen("upgrade")["status"], 101)
        self.assertEqual(visit.seen("open")["protocol"], "vite-hmr")
        self.assertEqual(visit.seen("close")["code"], 4001)
        self.assertEqual([message["length"] for message in visit.messages()], [5, MIB])
        self.assertTrue(visit.messages()[1]["asSent"])
        self.assertEqual((visit.served("close")["code"], visit.served("close")["reason"]), (4001, "enough"))
        headers = visit.served("upgrade")["headers"]
        self.assertEqual(headers["x-forwarded-proto"], "https")

    def test_websocket_compression(self: Any) -> None:
        """permessage-deflate is agreed through the proxy."""
        visit = self.wss("/deflate", ["text", "x" * 9000], ["await", "message"], ["close"])
        self.assertIn("permessage-deflate", visit.seen("open")["extensions"])
        visit.seen("message", length=9000)

    def test_websocket_greeting(self: Any) -> None:
        """What the service sends right behind its 101 is not lost."""
        visit = self.wss("/greet", ["await", "message", 2], ["close"])
        visit.seen("close")
        self.assertEqual([message["text"] for message in visit.messages()], ["first", "second"])

    def test_websocket_refused(self: Any) -> None:
        """A refusal of the service's arrives whole."""
        seen = self.wss("/refuse?status=401").seen("refused")
        self.assertEqual((seen["status"], seen["body"]), (401, "no, because 401\n"))
        self.assertEqual(seen["headers"]["www-authenticate"], 'Bearer realm="service"')

    def test_websocket_close_of_the_service(self: Any) -> None:
        """So do its close code and reason."""
        seen = self.wss("/close?code=1008&reason=policy", ["text", "go"]).seen("close")
        self.assertEqual((seen["code"], seen["reason"]), (1008, "policy"))


class WebSocketOverHttp2Tests:
    """What holds behind a proxy that offers WebSockets over HTTP/2 (RFC 8441); mixed in beside `ProxyTests`."""

    def visit_by_http2(self: Any, path: str, *arguments: str) -> Process:
        """A visitor's run, once it has come to its end."""
        cert, _ = fronts.certificate()
        place = fronts.place(type(self).start, service_port(), f"{self.name}-ws")
        argv = node_argv("h2visitor.js", place.url(path, "https"), *arguments)
        visitor = Process(argv, name="h2visitor.js", env={"NODE_EXTRA_CA_CERTS": str(cert)})
        self.addCleanup(visitor.stop)
        visitor.wait_for_exit()
        return visitor

    def test_visitor_closes_over_http2(self: Any) -> None:
        """It has sent its close frame and the end of its side, and gets the last message and the service's close."""
        for number in range(3):
            visitor = self.visit_by_http2(f"/echo?{number}", "hello", "4001", "enough")
            said = [event for event in events(visitor) if event["event"] in ("message", "close", "stream-error")]
            expected = [{"event": "message", "text": "hello"}, {"event": "close", "code": 4001, "reason": "enough"}]
            self.assertEqual(said, expected)

    def test_service_closes_over_http2(self: Any) -> None:
        """The visitor gets the service's code and reason."""
        visitor = self.visit_by_http2("/close?code=1008&reason=policy", "go")
        self.assertEqual(events(visitor)[-2:][0], {"event": "close", "code": 1008, "reason": "policy"})


class NoWebSocketsOverHttp2Tests:
    """Behind a proxy that offers none, browsers do without; mixed in beside `ProxyTests`."""

    def test_no_websockets_over_http2(self: Any) -> None:
        cert, _ = fronts.certificate()
        argv = node_argv("h2visitor.js", self.place().url("/", "https"), "hello")
        visitor = Process(argv, name="h2visitor.js", env={"NODE_EXTRA_CA_CERTS": str(cert)})
        self.addCleanup(visitor.stop)
        visitor.wait_for_exit()
        self.assertEqual(events(visitor), [{"event": "unsupported"}])


def caddy_offers_websockets() -> bool:
    """Whether Caddy is 2.10 or newer: older ones offer no WebSockets over HTTP/2."""
    path = shutil.which("caddy")
    said = subprocess.run([path, "version"], capture_output=True, text=True, check=True).stdout if path else ""
    found = re.match(r"v?(\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= (2, 10)


CaddyVersionTests: Any = WebSocketOverHttp2Tests if caddy_offers_websockets() else NoWebSocketsOverHttp2Tests


class CaddyTests(CaddyVersionTests, ProxyTests, VisitTests):
    """Behind Caddy."""

    start = staticmethod(fronts.start_caddy)
    name = "caddy"


class HaproxyTests(WebSocketOverHttp2Tests, ProxyTests, VisitTests):
    """Behind HAProxy that speaks HTTP."""

    start = staticmethod(fronts.start_haproxy)
    name = "haproxy"


class ApacheTests(ProxyTests, VisitTests):
    """Behind Apache httpd."""

    start = staticmethod(fronts.start_apache)
    name = "apache"


class TraefikTests(ProxyTests, VisitTests):
    """Behind Traefik."""

    start = staticmethod(fronts.start_traefik)
    name = "traefik"

    accepted = "gzip"
    """It unpacks the answer again, and cannot be told to leave that."""

    @staticmethod
    def spelled(target: str) -> str:
        """It writes percent-encoded bytes in the path with capitals (RFC 3986, section 6.2.2.1)."""
        return target.replace("%2f", "%2F").replace("%C3%bc", "%C3%BC")


class EnvoyTests(NoWebSocketsOverHttp2Tests, ProxyTests, VisitTests):
    """Behind Envoy, which would send handshakes without a key over HTTP/2, and is told to offer none."""

    start = staticmethod(fronts.start_envoy)
    name = "envoy"


class NginxTests(ProxyTests, VisitTests):
    """Behind nginx."""

    start = staticmethod(fronts.start_nginx)
    name = "nginx"

    def test_no_temporary_files(self) -> None:
        """nginx says when it writes a body to a temporary file; here it never does."""
        piece = b"x" * (8 * MIB)
        recorder().on("/nginx/download", b"HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n" + piece)
        self.ask("/nginx/download", "--limit-rate", "8M", "--output", "/dev/null")
        self.ask("/nginx/upload-again", "--data-binary", "@-", stdin=piece)
        front = fronts.front(fronts.start_nginx, fronts.upstream(recorder().port, "nginx-http"))
        self.assertNotIn("buffered to a temporary file", front.process.output)
