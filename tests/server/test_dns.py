"""The DNS over real sockets on loopback, as it answers, and as it does not."""

import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.names import dns, server
from twisted.names.authority import FileAuthority
from twisted.trial.unittest import SynchronousTestCase, TestCase

from sellia.server.dns import SERVERS, TIMES, Dns, name_servers
from sellia.server.gateway.control import LookupFailed

LONG = "x" * 200


class Zone(FileAuthority):
    """Records of example.org."""

    def loadFile(self, filename: str) -> None:
        soa = dns.Record_SOA(mname=b"ns.example.org", rname=b"x.example.org", serial=1, minimum=60)
        self.soa: Any = (b"example.org", soa)
        self.records: Any = {
            b"example.org": [soa],
            b"_sellia.shop.example.org": [dns.Record_TXT(b"sellia-", b"abc"), dns.Record_TXT(b"v=spf1")],
            b"www.example.org": [dns.Record_CNAME(b"Tunnel.example.com")],
            b"*.example.org": [dns.Record_CNAME(b"wild.example.com")],
            b"large.example.org": [dns.Record_TXT(LONG.encode(), str(number).encode()) for number in range(9)],
        }


class Raw(DatagramProtocol):
    """Answers what a test says, or nothing."""

    def __init__(self, answer: Callable[[bytes], bytes] | None) -> None:
        self.answer = answer
        self.heard = 0

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.heard += 1
        if self.answer is not None:
            assert self.transport is not None
            self.transport.write(self.answer(datagram), addr)


class DnsTests(TestCase):
    timeout = 60.0

    def serve(self) -> Dns:
        """A name server of example.org, over UDP and TCP."""
        factory = server.DNSServerFactory(authorities=[Zone("")])
        factory.noisy = False
        listener: Any = reactor
        tcp = listener.listenTCP(0, factory, interface="127.0.0.1")
        port = tcp.getHost().port
        udp = listener.listenUDP(port, dns.DNSDatagramProtocol(factory), interface="127.0.0.1")
        self.addCleanup(tcp.stopListening)
        self.addCleanup(udp.stopListening)
        return Dns(reactor, lambda: ("127.0.0.1", port))

    def raw(self, answer: Callable[[bytes], bytes] | None, times: Sequence[float] = TIMES) -> tuple[Dns, Raw]:
        protocol, listener = Raw(answer), reactor
        port = listener.listenUDP(0, protocol, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        address = "127.0.0.1", port.getHost().port
        return Dns(reactor, lambda: address, times), protocol

    async def test_texts(self) -> None:
        zones = self.serve()
        self.assertEqual(set(await zones.texts("_sellia.shop.example.org")), {"sellia-abc", "v=spf1"})
        self.assertEqual(await zones.texts("www.nowhere.example.org"), [])

    async def test_more_than_a_datagram_holds(self) -> None:
        texts = await self.serve().texts("large.example.org")
        self.assertEqual(sorted(texts), [f"{LONG}{number}" for number in range(9)])

    async def test_aliases(self) -> None:
        zones = self.serve()
        self.assertEqual((await zones.alias("WWW.example.org") or "").lower(), "tunnel.example.com")
        self.assertEqual(await zones.alias("*.example.org"), "wild.example.com")
        self.assertIsNone(await zones.alias("example.org"))

    async def assert_fails(self, zones: Dns, said: str) -> None:
        for lookup in (zones.texts, zones.alias):
            try:
                found = await lookup("shop.example.org")
            except LookupFailed as error:
                self.assertIn(said, str(error))
            else:
                self.fail(f"found {found!r}")

    async def test_errors(self) -> None:
        for code in (1, 2, 4, 5):  # malformed, failed, not known, refused
            zones, _ = self.raw(lambda query, code=code: query[:2] + bytes((0x81, 0x80 | code)) + query[4:])  # type: ignore[misc]
            await self.assert_fails(zones, "answered with an error")

    async def test_a_name_that_does_not_exist(self) -> None:
        zones, _ = self.raw(lambda query: query[:2] + b"\x81\x83" + query[4:])
        self.assertEqual((await zones.texts("a.example"), await zones.alias("a.example")), ([], None))

    async def test_an_answer_to_somebody_elses_question(self) -> None:
        """Is not looked at: what nobody asked proves nothing."""

        def forged(query: bytes) -> bytes:
            answer = dns.Message(int.from_bytes(query[:2], "big") ^ 1, answer=1)
            payload = dns.Record_CNAME(b"tunnel.example.com")
            answer.answers = [dns.RRHeader(b"shop.example.org", dns.CNAME, payload=payload)]
            return answer.toStr()

        zones, heard = self.raw(forged, (0.1, 0.1))
        looked = Deferred.fromCoroutine(zones.alias("shop.example.org"))
        await self.assertFailure(looked, LookupFailed)
        self.assertGreater(heard.heard, 0)
        self.flushLoggedErrors()

    async def test_an_alias_of_another_name(self) -> None:
        def answer(query: bytes) -> bytes:
            message = dns.Message(int.from_bytes(query[:2], "big"), answer=1)
            message.queries = [dns.Query(b"shop.example.org", dns.CNAME)]
            payload = dns.Record_CNAME(b"tunnel.example.com")
            message.answers = [dns.RRHeader(b"evil.example.org", dns.CNAME, payload=payload)]
            return message.toStr()

        zones, _ = self.raw(answer)
        self.assertIsNone(await zones.alias("shop.example.org"))


class NameServerTests(SynchronousTestCase):
    def servers(self, text: str) -> list[tuple[str, int]]:
        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            file.write(text)
        self.addCleanup(os.unlink, file.name)
        return name_servers(file.name)

    def test_listed(self) -> None:
        text = (
            "# nameserver 192.0.2.9\nsearch example\nnameserver 192.0.2.1\nnameserver\t2001:db8::1  # x\nnameserver x\n"
        )
        self.assertEqual(self.servers(text), [("192.0.2.1", 53), ("2001:db8::1", 53)])

    def test_no_more_than_some(self) -> None:
        self.assertEqual(len(self.servers("".join(f"nameserver 192.0.2.{number}\n" for number in range(9)))), SERVERS)

    def test_none(self) -> None:
        for text in ("", "nameserver\n", "\0\xff"):
            self.assertEqual(self.servers(text), [("127.0.0.1", 53)])
        self.assertEqual(name_servers("/nowhere/resolv.conf"), [("127.0.0.1", 53)])
