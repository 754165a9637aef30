"""``sellia tcp``: what it prints, and how it ends."""

from __future__ import annotations

import signal
import socket
import sysconfig
from pathlib import Path

from sellia.cli.exits import Exit
from tests.e2e.case import EndToEndTests, watched
from tests.e2e.stage import check_schema, events, wait_for_event
from tests.e2e.tcp_stage import accept, listener, receive
from tests.processes import Process, start_server

SELLIA = Path(sysconfig.get_path("scripts")) / "sellia"
_server: list[Process] = []


class CommandTests(EndToEndTests):
    def setUp(self) -> None:
        if not _server:
            _server.append(watched(start_server("--tcp-ports", "20000-29999")))
        [self.server] = _server

    def sellia(self, *arguments: str, port: int = 0) -> Process:
        url = f"http://127.0.0.1:{port or self.server.port}"
        process = Process([SELLIA, "tcp", *arguments, "--server", url], name="sellia")
        self.addCleanup(process.stop)
        return process

    def test_from_beginning_to_end(self) -> None:
        service = listener()
        self.addCleanup(service.close)
        client = self.sellia(f"127.0.0.1:{service.getsockname()[1]}", "--json")
        opened = wait_for_event(client, event="open")
        self.assertRegex(opened["url"], r"^tcp://localhost:2\d{4}$")
        self.assertEqual(opened["url"], f"tcp://localhost:{opened['tunnel']}")
        with socket.create_connection(("127.0.0.1", int(opened["tunnel"])), timeout=10) as visitor:
            visitor.sendall(b"ping")
            with accept(service) as connection:
                self.assertEqual(receive(connection, 4), b"ping")
                connection.sendall(b"pong!")
                self.assertEqual(receive(visitor, 5), b"pong!")
        began = wait_for_event(client, event="connection_open")
        ended = wait_for_event(client, event="connection_close")
        self.assertEqual((began["id"], began["visitor"]), (ended["id"], "127.0.0.1"))
        self.assertEqual((ended["bytes_in"], ended["bytes_out"]), (4, 5))
        client.send_signal(signal.SIGINT)
        self.assertEqual(client.wait_for_exit(), 0)
        told = events(client)
        self.assertEqual(
            [each["event"] for each in told], ["open", "connection_open", "connection_close", "closing", "closed"]
        )
        check_schema(told)

    def test_a_port_that_is_taken(self) -> None:
        """By another program on the server, or not one that it gives to tunnels: 73."""
        other = listener()
        self.addCleanup(other.close)
        for port, said in (
            (self.server.port, "is not one that this server gives to tunnels: those are 20000 to 29999"),
            (20000, ""),
        ):
            if port == 20000:
                holder = self.sellia("127.0.0.1:9", "--remote-port", str(port), "--json")
                wait_for_event(holder, event="open")
                said = "is in use"
            client = self.sellia("127.0.0.1:9", "--remote-port", str(port))
            self.assertEqual(client.wait_for_exit(), 73, client.output)
            self.assertIn(said, client.output)

    def test_a_server_without_ports(self) -> None:
        server = watched(start_server())
        self.addCleanup(server.stop)
        client = self.sellia("127.0.0.1:9", port=server.port)
        self.assertEqual(client.wait_for_exit(), Exit.NOT_AUTHORISED)
        self.assertIn("This server has no tcp tunnels: its operator can allow them with tcp_ports.", client.output)
