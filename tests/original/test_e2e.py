"""
The cases that Sellia's own two ends are held to, with one of the ends an original: all that its dialect can carry.

What it can't carry is listed here, each case with what happens instead; ``docs/original.rst`` says the same in its own
order. What is listed has been run, and does not pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.trial.runner import TestLoader
from twisted.trial.unittest import SynchronousTestCase, TestSuite

from tests.processes import start_python

MODULES = ("tests.e2e.test_curl", "tests.e2e.test_node_ws", "tests.e2e.test_terminal_tools")

DEADLINE = 240.0
"""Seconds that all cases of one combination may take; on a machine of its own it is a quarter of that."""

_MERGED = "fields of equal names come together, all in the spelling of the first"
_LEFT = "there is no word for it: the service goes on"
_LATE = "417 arrives after the body, which the server has asked for by then"
_TRAILERS = "trailers are left out"
_INTERIM = "interim answers are left out"
_WHOLE = "they arrive as one message"
_PINGS = "each is answered by the end that it arrives at"
_PLAIN = "no extension is offered, and none is agreed on"
_OWN_101 = "the 101 is the server's own, with no fields of the service's"
_FIRST = "it is the first that was offered"
_NO_CODE = "the code does not arrive: 1005"
_DEATH = "it looks like a close frame without a code: 1005"
_AFTER_101 = "the visitor has been told 101; then its WebSocket is closed"

BOTH = {
    "test_curl.RequestTests.test_headers_in_order_and_in_their_spelling": _MERGED,
    "test_curl.RequestTests.test_expect_continue_refused": _LATE,
    "test_curl.RequestTests.test_visitor_who_leaves_cancels_the_request": _LEFT,
    "test_curl.ResponseTests.test_headers_in_order_and_many_cookies": _MERGED,
    "test_curl.ResponseTests.test_chunked_with_trailers": _TRAILERS,
    "test_node_ws.HandshakeTests.test_headers_and_cookies_of_the_101": _OWN_101,
    "test_node_ws.HandshakeTests.test_subprotocol_is_the_service_s_choice": _FIRST,
    "test_node_ws.FrameTests.test_compression_is_agreed_end_to_end": _PLAIN,
    "test_node_ws.FrameTests.test_pings_end_to_end": _PINGS,
    "test_node_ws.FrameTests.test_fragments_stay_apart": _WHOLE,
    "test_node_ws.CloseTests.test_visitor_closes": _NO_CODE,
    "test_node_ws.CloseTests.test_visitor_vanishes": _DEATH,
    "test_node_ws.CloseTests.test_service_drops_the_connection": _DEATH,
    "test_node_ws.CloseTests.test_service_process_dies": _DEATH,
    "test_terminal_tools.WebsocatTests.test_close_code_and_reason": _NO_CODE,
}
"""What neither an original client nor an original server can do."""

ORIGINAL_SERVER = {
    **BOTH,
    "test_curl.ResponseTests.test_early_hints": _INTERIM,
    "test_curl.ResponseTests.test_service_that_dies_in_the_middle": "the answer never ends, instead of breaking off",
    "test_node_ws.HandshakeTests.test_no_101_before_the_service_s": _AFTER_101,
    "test_node_ws.HandshakeTests.test_refusal_arrives_whole": _AFTER_101,
    "test_node_ws.CloseTests.test_service_closes": _NO_CODE,
    "test_terminal_tools.WscatTests.test_refusal_names_the_status": _AFTER_101,
    "test_terminal_tools.WebsocatTests.test_refusal": _AFTER_101,
}

ORIGINAL_CLIENT = {
    **BOTH,
    "test_curl.RequestTests.test_methods": "bodies of GET and DELETE do not reach the service",
    "test_curl.RequestTests.test_large_upload_in_chunks": "it arrives whole, with its length",
    "test_curl.RequestTests.test_expect_continue_waits_for_the_service": "an early 100 is taken for the answer",
    "test_curl.ResponseTests.test_early_hints": "taken for the answer by the client: 502 bad-service-response",
    "test_curl.ResponseTests.test_compressed_bodies_pass_untouched": "they arrive inflated",
    "test_curl.ResponseTests.test_service_that_dies_in_the_middle": "the client adds words of its own to what came",
    "test_node_ws.HandshakeTests.test_service_sees_the_request": "but Host, Origin, Sec-WebSocket-*, no field passes",
    "test_node_ws.HandshakeTests.test_refusal_arrives_whole": "502 upgrade-refused",
    "test_node_ws.CloseTests.test_service_closes": "the code arrives, the reason does not",
    "test_terminal_tools.WscatTests.test_address_and_host_apart": "Host is the service's own",
    "test_terminal_tools.WscatTests.test_subprotocol_and_headers": "the subprotocol passes, the headers do not",
    "test_terminal_tools.WscatTests.test_refusal_names_the_status": "502 upgrade-refused",
    "test_terminal_tools.WebsocatTests.test_refusal": "502 upgrade-refused",
}


def cases() -> list[str]:
    """Every case of the modules, by its name below ``tests.e2e``."""

    def walk(suite: TestSuite) -> Iterator[str]:
        for each in suite:
            if isinstance(each, TestSuite):
                yield from walk(each)
            else:
                yield each.id().removeprefix("tests.e2e.")

    return list(walk(TestLoader().loadByNames(list(MODULES), recurse=True)))


class CombinationTests(SynchronousTestCase):
    """Each combination runs in a process of its own, whose stage is set up for it."""

    def play(self, original: str, cannot: dict[str, str]) -> None:
        """Run all cases but those."""
        every = cases()
        self.assertEqual(set(cannot) - set(every), set(), "these are no cases")
        names = [f"tests.e2e.{name}" for name in every if name not in cannot]
        with start_python(
            "-m", "tests.run", *names, name=f"with the original {original}", env={"SELLIA_E2E_ORIGINAL": original}
        ) as run:
            status = run.wait_for_exit(DEADLINE)
            self.assertEqual(status, 0, run.output[-6000:])
            self.assertRegex(run.output, rf"(?m)^{len(names)} passed, 0 failed, 0 skipped$|, [1-9]\d* skipped$")

    def test_original_client(self) -> None:
        self.play("client", ORIGINAL_CLIENT)

    def test_original_server(self) -> None:
        self.play("server", ORIGINAL_SERVER)
