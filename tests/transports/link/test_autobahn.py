"""Autobahn's parser, given a frame at a time, and asked where it stands."""

from sellia.transports.link.autobahn import AutobahnParser
from tests.server.support import VisitorTransport
from tests.transports.linkcase import HANDSHAKE, LinkCase
from tests.transports.support import CLOSE, PING, frame


class AutobahnTests(LinkCase):
    def setUp(self) -> None:
        super().setUp()
        self.parser = AutobahnParser(self.link)

    def test_where_it_stands(self) -> None:
        ping = frame(PING, b"12345678")
        self.assertEqual(self.parser.mid_frame, 0)
        for cut, missing in ((1, -1), (5, -1), (6, 8), (10, 4), (13, 1), (14, 0)):
            self.parser.parse(ping[:cut])
            self.assertEqual(self.parser.mid_frame, missing, cut)
            self.parser.let_go()
        self.parser.parse(frame(0x02, b"x"))
        self.assertEqual((self.parser.mid_frame, self.parser.mid_message), (0, True))

    def test_letting_go(self) -> None:
        """What it knows of a head that is not whole comes back."""
        self.parser.parse(frame(PING, b"x")[:4])
        self.assertEqual(self.parser.let_go(), frame(PING, b"x")[:4])
        self.parser.parse(frame(PING, b"x")[:6])
        self.assertEqual(self.parser.let_go(), b"")
        self.parser.parse(frame(PING, b"y"))
        self.assertEqual(self.read(), [(0x8A, b"y")])

    def test_states(self) -> None:
        self.assertEqual((self.parser.listening, self.parser.closing), (True, False))
        self.link.close(1000, "")
        self.assertEqual((self.parser.listening, self.parser.closing), (False, True))
        self.parser.parse(frame(CLOSE, (1000).to_bytes(2, "big")))
        self.assertEqual((self.parser.listening, self.parser.closing), (False, False))

    def test_the_handshake_and_no_more(self) -> None:
        """Wherever it is cut, what is behind it is left for the intake."""
        behind = frame(PING, b"x")
        for cut in (1, len(HANDSHAKE) - 3, len(HANDSHAKE) - 1, len(HANDSHAKE)):
            link = self.link.factory.buildProtocol(None)
            link.keeper, link.clock = self.keeper, self.clock
            link.makeConnection(VisitorTransport())
            parser = AutobahnParser(link)
            data = HANDSHAKE + behind
            self.assertEqual(parser.shake(data[:cut]) + (parser.shake(data[cut:]) if cut < len(HANDSHAKE) else b""),
                             b"" if cut == len(HANDSHAKE) else behind)  # fmt: skip
            self.assertTrue(parser.listening)
            link.connectionLost(self.gone())
        self.keeper.lost.clear()
