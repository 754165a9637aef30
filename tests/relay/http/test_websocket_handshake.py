"""What makes a 101 the answer to a handshake."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.messages import Headers
from sellia.relay.http.websocket_handshake import Agreement, accept_value, agreement

#: The example of RFC 6455, section 1.3.
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

PROTOCOL = b"Sec-WebSocket-Protocol"
EXTENSIONS = b"Sec-WebSocket-Extensions"


class AgreementTests(SynchronousTestCase):
    def agree(self, offered: Headers, *answered: tuple[bytes, bytes], accept: bytes = ACCEPT) -> Agreement:
        return agreement([(b"Sec-WebSocket-Key", KEY), *offered], [(b"Sec-WebSocket-Accept", accept), *answered])

    def refuse(self, why: str, offered: Headers, *answered: tuple[bytes, bytes], accept: bytes = ACCEPT) -> None:
        error = self.assertRaises(ValueError, self.agree, offered, *answered, accept=accept)
        self.assertIn(why, str(error))

    def test_accept_value(self) -> None:
        self.assertEqual(accept_value(KEY), ACCEPT)

    def test_accept(self) -> None:
        self.assertEqual(self.agree([]), Agreement(None, False))
        self.refuse("proof", [], accept=ACCEPT.lower())
        self.refuse("proof", [], accept=b"")
        self.refuse("proof", [], (b"sec-websocket-accept", ACCEPT))
        self.refuse("proof", [(b"Sec-WebSocket-Key", KEY)])
        self.assertRaises(ValueError, agreement, [], [(b"Sec-WebSocket-Accept", accept_value(b""))])

    def test_subprotocol(self) -> None:
        offer = [(PROTOCOL, b"chat, vite-hmr"), (b"sec-websocket-protocol", b"third")]
        for chosen in (b"chat", b"vite-hmr", b"third"):
            self.assertEqual(self.agree(offer, (PROTOCOL, chosen)).subprotocol, chosen)
        for chosen in (b"other", b"Chat", b"chat, third"):
            self.refuse("subprotocol", offer, (PROTOCOL, chosen))
        self.refuse("subprotocol", [], (PROTOCOL, b"chat"))
        self.assertIsNone(self.agree(offer).subprotocol)

    def test_extensions(self) -> None:
        offer = [(EXTENSIONS, b"permessage-deflate; client_max_window_bits, permessage-bzip2")]
        for agreed in (b"permessage-deflate; server_no_context_takeover", b"permessage-bzip2"):
            self.assertTrue(self.agree(offer, (EXTENSIONS, agreed)).compressed)
        self.assertFalse(self.agree(offer).compressed)
        for agreed in (b"permessage-other", b"mux", b"x-deflate-frame"):
            self.refuse("not offered", offer, (EXTENSIONS, agreed))
        self.refuse("not offered", [], (EXTENSIONS, b"permessage-deflate"))

    def test_an_extension_in_any_case(self) -> None:
        for offered, agreed in (
            (b"permessage-deflate", b"PerMessage-Deflate"),
            (b"PERMESSAGE-DEFLATE; client_max_window_bits", b"permessage-deflate"),
        ):
            self.assertTrue(self.agree([(EXTENSIONS, offered)], (b"sec-websocket-extensions", agreed)).compressed)

    def test_two_extensions_would_share_a_bit(self) -> None:
        offer = [(EXTENSIONS, b"permessage-deflate, permessage-bzip2")]
        self.refuse("more than one", offer, (EXTENSIONS, b"permessage-deflate, permessage-bzip2"))
        self.refuse("more than one", offer, (EXTENSIONS, b"permessage-deflate"), (EXTENSIONS, b"permessage-deflate"))

    def test_an_extension_that_cannot_be_carried(self) -> None:
        self.refuse("not offered", [(EXTENSIONS, b"mux")], (EXTENSIONS, b"mux"))
