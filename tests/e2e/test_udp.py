"""Datagrams through a tunnel: DNS, QUIC and a flood, with programs that other people wrote."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.e2e.case import EndToEndTests
from tests.e2e.stage import program, run
from tests.e2e.tcp_services import Service, start_iperf3
from tests.e2e.tcp_stage import TcpStage
from tests.processes import Process, free_port

ROOT = Path(__file__).resolve().parent.parent.parent


class UdpCase(EndToEndTests):
    def through(self, port: int) -> TcpStage:
        stage = TcpStage({"it": port}, kind="udp")
        self.addCleanup(stage.close)
        return stage


class PlainTests(UdpCase):
    def test_datagrams(self) -> None:
        """Whole, each visitor by itself, also when the link was lost in between."""
        service = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(service.close)
        service.bind(("127.0.0.1", 0))
        service.settimeout(20)
        stage = self.through(service.getsockname()[1])
        visitors = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
        addresses = []
        for number, visitor in enumerate(visitors):
            self.addCleanup(visitor.close)
            visitor.settimeout(20)
            visitor.connect(("127.0.0.1", stage["it"]))
            visitor.send(b"%d" % number * 100)
            data, address = service.recvfrom(70_000)
            self.assertEqual(data, b"%d" % number * 100)
            addresses.append(address)
        self.assertEqual(len(set(addresses)), 3)
        stage.cut()
        for number, address in reversed(list(enumerate(addresses))):
            service.sendto(b"answer %d" % number, address)
            self.assertEqual(visitors[number].recv(100), b"answer %d" % number)
        visitors[0].send(b"x" * 60_000)
        self.assertEqual(service.recv(70_000), b"x" * 60_000)
        service.sendto(b"y" * 65_507, addresses[0])
        self.assertEqual(len(visitors[0].recv(70_000)), 65_507)


class DnsTests(UdpCase):
    def test_dig(self) -> None:
        service = Service()
        self.addCleanup(service.close)
        names = [word for number in range(50) for word in ("--host-record", f"n{number}.example,192.0.2.{number}")]
        service.run(
            *(program("dnsmasq"), "--keep-in-foreground", "--no-daemon", "--conf-file=/dev/null", "--no-resolv"),
            *("--no-hosts", "--bind-interfaces", "--listen-address=127.0.0.1", "--user=root", f"--port={service.port}"),
            *names,
        )
        stage = self.through(service.port)
        for number in range(0, 50, 7):
            argv = [program("dig"), "+short", "+tries=2", "@127.0.0.1", "-p", str(stage["it"]), f"n{number}.example"]
            self.assertEqual(run(argv).output, b"192.0.2.%d\n" % number)


class IperfTests(UdpCase):
    def test_a_flood(self) -> None:
        """As fast as loopback goes: what is too much is dropped, and the rest arrives."""
        service = start_iperf3()
        self.addCleanup(service.close)
        stage = TcpStage({"it": service.port}, kind="udp")
        self.addCleanup(stage.close)
        # its control connection is TCP, and must be at the same port
        control = TcpStage({"it": service.port}, options={"remote_port": stage["it"]})
        self.addCleanup(control.close)
        for more in ([], ["--reverse"]):
            argv = [program("iperf3"), "-c", "127.0.0.1", "-p", str(stage["it"]), "-u", "-b", "50M", "-l", "1200"]
            done = run([*argv, "-t", "1", "--json", *more])
            said = json.loads(done.output)
            self.assertNotIn("error", said)
            self.assertGreater(
                said["end"]["sum"]["packets"] - said["end"]["sum"]["lost_packets"], 500, said["end"]["sum"]
            )


class QuicTests(UdpCase):
    def test_a_megabyte(self) -> None:
        try:
            from aioquic.asyncio.client import connect
            from aioquic.quic.configuration import QuicConfiguration
        except ImportError:
            raise SkipTest("aioquic is not installed: pip install aioquic") from None
        service = Service()
        self.addCleanup(service.close)
        key, cert = service.folder / "key.pem", service.folder / "cert.pem"
        subprocess.run(
            [
                *(program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key)),
                *("-out", str(cert), "-subj", "/CN=localhost", "-days", "2"),
            ],
            check=True,
            capture_output=True,
        )
        port = free_port()
        echo = Process([sys.executable, "-m", "tests.e2e.quic_echo", str(port), str(cert), str(key)], cwd=ROOT)
        self.addCleanup(echo.stop, 1.0)
        echo.wait_for_line("ready")
        stage = self.through(port)
        data = bytes(range(256)) * 4096

        async def visit() -> bytes:
            configuration = QuicConfiguration(alpn_protocols=["echo"], verify_mode=ssl.CERT_NONE)
            async with connect("127.0.0.1", stage["it"], configuration=configuration) as client:
                reader, writer = await client.create_stream()
                writer.write(data)
                writer.write_eof()
                return await asyncio.wait_for(reader.read(), 60)

        self.assertEqual(asyncio.run(visit()), data)
