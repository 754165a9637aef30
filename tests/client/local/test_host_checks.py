"""Host checks of known programs, as they were seen, and answers that only look like them."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import Problem
from sellia.client.local.host_checks import HOST_CHECKS, LOOKED_AT, NOT_HTTP, STATUSES, advice, recognise
from sellia.protocol.messages import HttpRequest
from sellia.relay.http.rewriting import HeaderRules, HeaderSet, Rewriter
from tests.client.stage import GET, HOST, UPGRADE, Stage

SEEN = (
    ("Vite", 403, b'Blocked request. This host ("a.example") is not allowed.\nTo allow this host, add "a.example" to'),
    ("webpack-dev-server", 403, b"Invalid Host header"),
    ("Next", 403, b"Unauthorized"),
    ("Next", NOT_HTTP, b"Unauthorized"),
    ("Django", 400, b"<!DOCTYPE html>\n<html>\n<head>\n  <title>DisallowedHost\n          at /</title>"),
    ("Rails", 403, b"<h1>Blocked hosts: a.example</h1>"),
    ("Jupyter", 403, b"<title>Jupyter Server</title> <h1>403 : Forbidden</h1>"),
    ("Chromium DevTools", 500, b"Host header is specified and is not an IP address or localhost."),
    ("an MCP server", 421, b"Invalid Host header"),
    ("an MCP server", 403, b'{"jsonrpc":"2.0","error":{"code":-32000,"message":"Invalid Host: a.example"},"id":null}'),
    ("Home Assistant", 400, b"400: Bad Request"),
    ("Syncthing", 403, b"Host check error\n"),
    ("Storybook", 403, b"Invalid host"),
)


class RecogniseTests(SynchronousTestCase):
    def test_as_they_were_seen(self) -> None:
        for program, status, body in SEEN:
            check = recognise(status, body)
            self.assertIsNotNone(check, msg=program)
            assert check is not None
            self.assertEqual(check.program, program)
            self.assertIn(status, STATUSES)

    def test_each_is_tested(self) -> None:
        self.assertEqual({check.program for check in HOST_CHECKS}, {program for program, _, _ in SEEN})

    def test_others(self) -> None:
        for status, body in (
            (200, b"Invalid Host header"),
            (403, b"Forbidden"),
            (401, b"Unauthorized"),
            (403, b"Unauthorized: log in first"),
            (400, b"Bad Request"),
            (403, b"x" * LOOKED_AT + b"Invalid Host header"),
        ):
            self.assertIsNone(recognise(status, body), msg=repr((status, body[:40])))

    def test_what_jupyter_refuses_for_other_reasons(self) -> None:
        """It says why then; for its host check it does not."""
        page = (
            b"<title>Jupyter Server</title> <h1>403 : Forbidden</h1> <p>The error was:</p>"
            b'<div class="traceback-wrapper"><pre class="traceback">argument missing from POST</pre></div>'
        )
        self.assertIsNone(recognise(403, page))

    def test_what_others_say_as_well_is_not_certain(self) -> None:
        """Every program on aiohttp can say ``400: Bad Request``."""
        for status, body in ((400, b"400: Bad Request"), (403, b"Unauthorized")):
            check = recognise(status, body)
            assert check is not None
            self.assertTrue(advice(check, "a.example").startswith("If this is "))

    def test_advice_names_the_host(self) -> None:
        for check in HOST_CHECKS:
            told = advice(check, "a.example")
            self.assertNotIn("{", told.replace("{ allowedHosts", "").replace("{{", ""))
            if check.program not in ("Chromium DevTools", "Home Assistant", "Syncthing"):
                self.assertIn("a.example", told)

    def test_advice_names_a_set_of_header_fields(self) -> None:
        for check in HOST_CHECKS:
            names = {"Next": "hybrid", "Home Assistant": ""}.get(check.program, "local")
            told = advice(check, "a.example")
            self.assertEqual(f"--host-header {names}." in told if names else "--host-header" not in told, True, told)
        devtools = next(check for check in HOST_CHECKS if check.program == "Chromium DevTools")
        self.assertTrue(advice(devtools, "a").endswith("not know. Start sellia with --host-header local."))


class ToldTests(SynchronousTestCase):
    """Through the client."""

    def told(self, stage: Stage) -> list[str]:
        return [event.message for event in stage.events if isinstance(event, Problem)]

    def test_once_for_a_tunnel(self) -> None:
        stage = Stage()
        for _ in range(3):
            visitor = stage.ask(HttpRequest(1, b"GET", b"/", [HOST]))
            service = stage.accept()
            service.say(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n")
            service.say(b"Invalid Host header")
            service.close()
            stage.talk()
            self.assertEqual(visitor.data, b"Invalid Host header")
        [told] = self.told(stage)
        self.assertIn("--allowed-hosts demo.localhost", told)

    def test_a_short_answer(self) -> None:
        stage = Stage()
        stage.ask(GET)
        stage.accept().say(b"HTTP/1.1 421 Misdirected Request\r\nContent-Length: 19\r\n\r\nInvalid Host header")
        stage.talk()
        self.assertEqual(len(self.told(stage)), 1)

    def test_bare_words_in_place_of_a_101(self) -> None:
        stage = Stage()
        visitor = stage.ask(UPGRADE, end=False)
        stage.accept().say(b"Unauthorized")
        stage.talk()
        self.assertIn('"Unauthorized"', visitor.why)
        [told] = self.told(stage)
        self.assertIn("allowedDevOrigins", told)

    def test_under_its_own_name_a_service_refuses_strangers_only(self) -> None:
        rewriter = Rewriter(HeaderRules(HeaderSet.LOCAL), "http", "localhost:8080")
        stage = Stage(rewriter=rewriter)
        stage.ask(GET)
        stage.accept().say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 19\r\n\r\nInvalid Host header")
        stage.talk()
        self.assertEqual(self.told(stage), [])

    def test_ordinary_answers_are_not_looked_at(self) -> None:
        stage = Stage()
        stage.ask(GET)
        stage.accept().say(b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\nInvalid Host header")
        stage.talk()
        self.assertEqual(self.told(stage), [])
