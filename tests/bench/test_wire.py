"""The bench's own frames and handshakes are those of RFC 6455."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench import wire


class FrameTests(SynchronousTestCase):
    def test_examples_of_the_rfc(self) -> None:
        """Section 5.7: an unmasked and a masked text message, and one with a 16-bit length."""
        self.assertEqual(wire.frame(b"Hello", wire.TEXT), bytes.fromhex("810548656c6c6f"))
        masked = wire.frame(b"Hello", wire.TEXT, bytes.fromhex("37fa213d"))
        self.assertEqual(masked, bytes.fromhex("818537fa213d7f9f4d5158"))
        self.assertEqual(wire.frame(bytes(256))[:4], bytes.fromhex("827e0100"))

    def test_headers_come_back(self) -> None:
        """What is written is read, at every length encoding, masked or not, behind other bytes."""
        for length in (0, 1, 125, 126, 65535, 65536, 1 << 32):
            for mask in (b"", wire.MASK):
                data = b"xx" + wire.header(wire.FIN | wire.PING, length, mask)
                self.assertEqual(wire.parse_header(data, 2), (0x89, len(data) - 2, mask, length))

    def test_incomplete_header(self) -> None:
        """Every proper beginning of a header is told apart from a header."""
        data = wire.header(wire.FIN | wire.BINARY, 65536, wire.MASK)
        self.assertEqual({wire.parse_header(data[:cut]) for cut in range(len(data))}, {None})

    def test_masking_is_its_own_inverse(self) -> None:
        """Small and large payloads go different ways; both are the exclusive-or with the repeated key."""
        for length in (0, 1, 5, 1023, 1024, 70001):
            payload = bytes(index % 253 for index in range(length))
            masked = wire.unmask(payload, wire.MASK)
            self.assertEqual(masked, bytes(byte ^ wire.MASK[index % 4] for index, byte in enumerate(payload)))
            self.assertEqual(wire.unmask(masked, wire.MASK), payload)

    def test_masking_in_pieces(self) -> None:
        """Pieces that end anywhere continue with the right byte of the key."""
        payload = bytes(range(256)) * 20
        piecewise = wire.masker(wire.MASK, len(payload))
        pieces = [payload[:1], payload[1:1002], payload[1002:1002], payload[1002:]]
        self.assertEqual(b"".join(map(piecewise, pieces)), wire.unmask(payload, wire.MASK))


class HandshakeTests(SynchronousTestCase):
    def test_accept_key_of_the_rfc(self) -> None:
        """Section 1.3."""
        self.assertEqual(wire.accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")

    def test_request_and_answer_agree(self) -> None:
        request = wire.upgrade_request("name.localhost:3000", "/push")
        self.assertTrue(request.startswith(b"GET /push HTTP/1.1\r\nHost: name.localhost:3000\r\n"))
        answer = wire.upgrade_answer(wire.field(request, b"sec-websocket-key"))
        self.assertTrue(wire.is_accepted(answer))

    def test_other_answers_are_not_accepted(self) -> None:
        """Neither another status nor an answer to another key."""
        self.assertFalse(wire.is_accepted(wire.upgrade_answer(b"another key")))
        self.assertFalse(wire.is_accepted(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"))
