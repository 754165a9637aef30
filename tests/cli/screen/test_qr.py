"""QR codes."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.screen.qr import qr_rows
from tests.cli.screen.stage import URL


class CodeTests(SynchronousTestCase):
    def test_fits_a_terminal_of_24_rows(self) -> None:
        rows = qr_rows(URL, 80, 21)
        assert rows is not None
        self.assertEqual(len({row.cell_len for row in rows}), 1)
        self.assertEqual((rows[0].cell_len, len(rows)), (1 + 25 + 4, 15))

    def test_is_surrounded_by_light(self) -> None:
        rows = qr_rows(URL, 80, 24)
        assert rows is not None
        self.assertEqual(set(rows[0].plain.strip(" ")), {"█"})
        for row in rows:
            self.assertEqual((row.plain[1:3], row.plain[-2:]), ("██", "██"))

    def test_is_what_segno_says(self) -> None:
        """Every module is in its place: the finder pattern at the upper left, two modules to a character."""
        rows = qr_rows(URL, 80, 24)
        assert rows is not None
        self.assertEqual(rows[1].plain[3:10], " ▄▄▄▄▄ ")
        self.assertEqual(rows[2].plain[3:10], " █   █ ")

    def test_does_not_fit(self) -> None:
        self.assertIsNotNone(qr_rows(URL, 30, 15))
        self.assertIsNone(qr_rows(URL, 29, 15))
        self.assertIsNone(qr_rows(URL, 30, 14))
