"""What Sellia adds to a request, what it answers itself, and that nobody waits for somebody else: seen with curl."""

from __future__ import annotations

import json
import tempfile
import time

from tests.e2e.curl_case import BIG, PIECE, CurlTests, answer, ask, parts
from tests.e2e.recorder import ServiceLeg, no_answer_yet
from tests.e2e.stage import Reach, curl, curl_argv, server, through_tunnel_only
from tests.processes import Process, ProcessError, free_port, start_client, wait_until


class SelliaOwnTests(CurlTests):
    """What Sellia adds, and what it answers itself."""

    def setUp(self) -> None:
        through_tunnel_only()
        super().setUp()

    def test_forwarded_headers(self) -> None:
        """The service learns the visitor's address, scheme and host, and a visitor cannot forge them."""
        forged = ["-H", "X-Forwarded-For: 6.6.6.6", "-H", "X-Forwarded-Proto: https", "-H", "X-Forwarded-Host: evil"]
        self.succeed(ask("/forwarded", *forged))
        [exchange] = self.service.exchanges("/forwarded")
        self.assertEqual(exchange.header("X-Forwarded-For"), "127.0.0.1")
        self.assertEqual(exchange.header("X-Forwarded-Proto"), "http")
        self.assertEqual(exchange.header("X-Forwarded-Host"), self.place.authority)

    def test_hop_by_hop_headers_stay_behind(self) -> None:
        """``Connection`` and what it names concern one hop, and do not reach the service."""
        self.succeed(ask("/hop", "-H", "Connection: keep-alive, X-Hop", "-H", "X-Hop: 1", "-H", "X-End: 2"))
        [exchange] = self.service.exchanges("/hop")
        self.assertEqual((exchange.header("X-Hop"), exchange.header("X-End")), (None, "2"))

    def test_name_that_nobody_holds(self) -> None:
        """404 with a stable word, and a sentence that helps."""
        nobody = Reach(self.place.port, "nobody-there.localhost")
        status, headers, body = parts(self.succeed(curl(nobody, "/", "--include")))
        self.assertIn(b" 404 ", status)
        self.assertIn(b"Sellia-Error: no-such-tunnel", headers)
        self.assertIn(b"start its client", body)

    def test_service_that_does_not_listen(self) -> None:
        """502 with a stable word, as JSON for who asks for JSON."""
        ingress = server()
        start_client(ingress.port, free_port(), "nothing-there")
        nothing = Reach(ingress.port, "nothing-there.localhost")
        output = self.succeed(curl(nothing, "/", "--include", "-H", "Accept: application/json"))
        status, headers, body = parts(output)
        self.assertIn(b" 502 ", status)
        self.assertIn(b"Sellia-Error: service-refused", headers)
        self.assertEqual(json.loads(body)["error"], "service-refused")

    def test_word_is_never_the_service_s(self) -> None:
        """A service cannot pass its own answer off as Sellia's."""
        self.service.on("/own-word", answer("Sellia-Error: no-such-tunnel", "Content-Length: 0"))
        _, headers, _ = parts(self.succeed(ask("/own-word", "--include")))
        self.assertFalse([line for line in headers if line.lower().startswith(b"sellia-error")])


class PacingTests(CurlTests):
    """Bodies flow at the pace of the slower end."""

    def test_slow_visitor_slows_the_service(self) -> None:
        """A service that pushes at a visitor who does not read is stopped within the bounds of credit and sockets."""
        sent = [0]
        last = [time.monotonic()]

        def push(exchange: ServiceLeg) -> None:
            exchange.send(answer(f"Content-Length: {BIG}"))
            piece = PIECE[:4096]  # less than the queues on the way hold together, however short of memory the system is
            while sent[0] < BIG:
                exchange.send(piece)
                sent[0] += len(piece)
                last[0] = time.monotonic()

        self.service.on("/slow", push)
        with tempfile.NamedTemporaryFile() as download:
            options = ["--limit-rate", "1", "--output", download.name, "--max-time", "50"]
            with Process(curl_argv(self.place, "/slow", *options), name="curl") as curl:
                try:
                    wait_until(lambda: sent[0] and time.monotonic() - last[0] > 0.5, "the service to be slowed down")
                except ProcessError as error:
                    got = download.read()[:300]
                    ended = f"curl ended with {curl.returncode}, said {curl.output}, got {got!r}"
                    said = f"it has sent {sent[0]} bytes; {ended}"
                    raise ProcessError(f"{error}; {said}") from None
                self.assertLess(sent[0], BIG)

    def test_others_go_on_meanwhile(self) -> None:
        """While one answer waits for its service, others are not kept waiting."""
        self.service.on("/stuck", no_answer_yet)
        with Process(curl_argv(self.place, "/stuck"), name="curl"):
            stuck = self.service.wait_for("/stuck")
            self.assertEqual(self.succeed(ask("/not-stuck")), b"ok\n")
            stuck.released.set()
