"""Parameters of permessage-deflate."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.extensions import deflate_of
from sellia.inspector.timeline import Deflate


class DeflateTests(SynchronousTestCase):
    def agreed(self, *values: bytes) -> Deflate | None:
        return deflate_of([(b"Sec-WebSocket-Extensions", value) for value in values])

    def test_none(self) -> None:
        self.assertIsNone(self.agreed())
        self.assertIsNone(self.agreed(b"x-other; a=1"))

    def test_defaults(self) -> None:
        for value in (b"permessage-deflate", b" Permessage-Deflate ;", b"x-other, permessage-deflate"):
            self.assertEqual(self.agreed(value), Deflate(15, 15, True, True))
        self.assertEqual(self.agreed(b"x-other", b"permessage-deflate"), Deflate())

    def test_parameters(self) -> None:
        value = b'permessage-deflate; server_no_context_takeover; client_max_window_bits="9"; Server_Max_Window_Bits=12'
        self.assertEqual(self.agreed(value), Deflate(9, 12, True, False))
        self.assertEqual(self.agreed(b"permessage-deflate;client_no_context_takeover"), Deflate(15, 15, False, True))

    def test_nonsense_counts_as_the_default(self) -> None:
        for value in (b"7", b"16", b"", b"x", b"-9", b"999999999999", "٩".encode()):
            self.assertEqual(self.agreed(b"permessage-deflate; client_max_window_bits=" + value), Deflate())
