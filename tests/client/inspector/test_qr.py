"""QR codes for the page."""

from sellia.client.inspector.qr import LONGEST
from tests.client.inspector.stage import SiteCase


class QrTests(SiteCase):
    def test_a_code(self) -> None:
        """It is an image without scripts, and grows with what it says."""
        told = self.ask("/api/qr?text=https%3A%2F%2Fdemo.example")
        self.assertEqual((told.status, told.headers["content-type"]), (200, "image/svg+xml"))
        self.assertTrue(told.body.startswith(b"<svg"))
        self.assertNotIn(b"demo.example", told.body)
        longer = self.ask(f"/api/qr?text={'a' * LONGEST}")
        self.assertGreater(len(longer.body), len(told.body))

    def test_bounds(self) -> None:
        for query in ("", "?text=", f"?text={'a' * (LONGEST + 1)}"):
            told = self.ask(f"/api/qr{query}")
            self.assertEqual((told.status, told.error), (400, "bad-parameter"), query)
