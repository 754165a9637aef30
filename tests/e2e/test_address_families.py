"""Servers that listen for one kind of IP only."""

import socket
import sys
import sysconfig
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.e2e.case import EndToEndTests, watched
from tests.processes import Process, free_port, start_twistd


class FamilyTests(EndToEndTests):
    def test_one_kind_of_ip(self) -> None:
        """By address and by name, from a client that would take either."""
        if not socket.has_ipv6:
            raise SkipTest("this Python has no IPv6")
        four, six = free_port(), free_port()
        listeners = [f"tcp:{four}:interface=127.0.0.1", f"tcp6:{six}:interface=\\:\\:1"]
        for endpoint in listeners:
            server = start_twistd("sellia-server", "--listen", endpoint)
            self.addCleanup(watched(server).stop)
        clients = []
        for url in (f"http://127.0.0.1:{four}", f"http://localhost:{four}", f"http://[::1]:{six}"):
            command = str(Path(sysconfig.get_path("scripts"), "sellia"))
            argv = [sys.executable, command, "http", "1", "--server", url, "--connect-timeout", "50"]
            clients.append(watched(Process(argv, name=f"sellia http --server {url}")))
            self.addCleanup(clients[-1].stop)
        for client in clients:
            client.wait_for_line("open    http://")
