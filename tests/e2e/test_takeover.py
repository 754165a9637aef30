"""Two clients of one owner that want the same name, with the real processes."""

from __future__ import annotations

import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.e2e.case import EndToEndTests, watched
from tests.processes import Process, start_client, start_server, tunnel_is_open


class Quiet(BaseHTTPRequestHandler):
    """Answers HEAD."""

    def do_HEAD(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class TakeoverTests(EndToEndTests):
    def ended(self, process: Process) -> Process:
        self.addCleanup(process.stop)
        return watched(process)

    def test_a_client_that_lost_its_name_gets_it_back(self) -> None:
        """One that was stopped for a while asks again, and is refused as long as the other has the name."""
        service = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        self.addCleanup(service.server_close)
        self.addCleanup(service.shutdown)
        port = service.server_port
        server = self.ended(start_server())
        first = self.ended(start_client(server.port, port, "demo"))
        first.wait_for_line("tunnel ready: ")
        first.send_signal(signal.SIGSTOP)
        try:
            second = self.ended(start_client(server.port, port, "demo"))
            second.wait_for_line("tunnel ready: ")
        finally:
            first.send_signal(signal.SIGCONT)
        first.wait_for_line("the server closed a tunnel: name=demo name-taken: ")
        first.wait_for_line("the server refused a tunnel: name-taken: ")
        self.assertEqual(second.stop(), 0)
        first.wait_for(lambda: first.output.count("tunnel ready: ") == 2, "the name to be had again")
        self.assertTrue(tunnel_is_open(server.port, f"demo.localhost:{server.port}"))
