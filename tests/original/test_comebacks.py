"""Original clients that come back to our server, or do not: names and visitors, over real processes."""

from __future__ import annotations

import http.client
import signal

from tests.e2e.case import EndToEndTests, watched
from tests.e2e.stage import Reach, curl
from tests.original.cases import HttpCases, Placed, http_service
from tests.original.peers import Peer, start_original_client
from tests.original.test_our_server import place, server
from tests.processes import Process, start_server, wait_until

#: As another client than the original might be that has its dialect and fewer faults.
BETTER = ("buffers_responses=no", "mistakes_100_continue=no", "ignores_get_bodies=no", "decompresses=no")


class BetterClientTests(HttpCases, Placed, EndToEndTests):
    """Requests and their answers through a client that passes on what comes, as it comes."""

    early_answers = False

    def place(self) -> Reach:
        return place("better", http_service().port, *BETTER)


class ComebackTests(Placed, EndToEndTests):
    """Each test with a client of its own."""

    def client(self, name: str, at: Process | None = None) -> Peer:
        port = (at or server()).port
        client = start_original_client(port, f"{http_service().port}:{name}", quirks=("retry_step=0.1", "tries=200"))
        self.addCleanup(client.stop)
        return client

    def word(self, name: str) -> str | None:
        """Sellia's word for why a visitor gets no answer of the service."""
        connection = http.client.HTTPConnection("127.0.0.1", server().port, timeout=20)
        connection.request("GET", "/", headers={"Host": f"{name}.localhost"})
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.getheader("Sellia-Error")

    def test_who_was_killed(self) -> None:
        """Its link is lost, not closed: its visitors are told that it may come back, and it does."""
        killed = self.client("killed")
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait_for_exit()
        wait_until(lambda: self.word("killed") == "client-gone", "the server to notice")
        self.client("killed")
        self.assertIsNone(self.word("killed"))

    def test_a_ghost(self) -> None:
        """A client that hangs loses its name to the next one of its owner, after a moment."""
        ghost = self.client("ghost")
        ghost.process.send_signal(signal.SIGSTOP)
        self.addCleanup(ghost.process.send_signal, signal.SIGCONT)
        self.client("ghost")
        self.assertIsNone(self.word("ghost"))

    def test_a_server_that_was_restarted(self) -> None:
        """The client comes back by itself, with its name."""
        first = watched(start_server())
        client = self.client("again", first)
        first.stop()
        second = watched(start_server(port=first.port))
        self.addCleanup(second.stop)
        client.wait_for(2, event="heard", type="tunnel_ready")
        self.assertEqual(curl(Reach(second.port, "again.localhost"), "/o/again").output, b"ok\n")
