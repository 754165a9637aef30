"""Differences between two runs are found, told and saved; a verdict that a correct echo cannot get is a failure."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.verdicts import Verdict, close_code_changes, differences, load, save, table, wirelog_extract


class DifferenceTests(SynchronousTestCase):
    def test_same_labels_are_no_difference(self) -> None:
        """Times and explanations may differ; labels and the set of cases may not."""
        direct = [Verdict("1.1.1", "OK", "OK", milliseconds=1), Verdict("7.13.1", "INFORMATIONAL", "INFORMATIONAL")]
        tunnelled = [Verdict("1.1.1", "OK", "OK", milliseconds=9), Verdict("7.13.1", "INFORMATIONAL", "INFORMATIONAL")]
        self.assertEqual(differences(direct, tunnelled), [])

    def test_either_label_counts(self) -> None:
        """A wrong close behaviour is as much a difference as a wrong exchange, in the order of the suite."""
        direct = [Verdict(case, "OK", "OK") for case in ("2.10", "2.9", "2.1")]
        tunnelled = [Verdict("2.1", "OK", "OK"), Verdict("2.10", "FAILED", "OK"), Verdict("2.9", "OK", "UNCLEAN")]
        self.assertEqual([item.case for item in differences(direct, tunnelled)], ["2.9", "2.10"])

    def test_missing_case_is_a_difference(self) -> None:
        found = differences([Verdict("1.1.1", "OK", "OK")], [])
        self.assertEqual([(item.case, item.tunnelled) for item in found], [("1.1.1", None)])

    def test_other_close_code_is_told(self) -> None:
        """A verdict may be the same though the tunnel lost a close code; where the verdict differs, that says more."""
        direct = [Verdict(case, "OK", "OK", remote_close=1002) for case in ("3.10", "3.2", "3.3")]
        tunnelled = [Verdict("3.10", "OK", "OK"), Verdict("3.2", "OK", "OK", remote_close=1006)]
        tunnelled += [Verdict("3.3", "FAILED", "OK")]
        self.assertEqual(close_code_changes(direct, tunnelled), ["3.2: 1002 -> 1006", "3.10: 1002 -> none"])

    def test_table(self) -> None:
        """The table names the case, both verdicts, and the wire log that explains them."""
        direct = Verdict("6.4.2", "OK", "OK")
        tunnelled = Verdict("6.4.2", "NON-STRICT", "OK", explanation="late", wirelog=["('TF', 1)"])
        text = table(differences([direct], [tunnelled]))
        self.assertIn("6.4.2  OK / OK  NON-STRICT / OK\n", text)
        self.assertIn("6.4.2 through the tunnel: late\n    ('TF', 1)", text)


class VerdictTests(SynchronousTestCase):
    def test_plain_echo_does_not_implement_deflate(self) -> None:
        """UNIMPLEMENTED is right for the compression groups without compression, and nowhere else."""
        self.assertTrue(Verdict("12.1.1", "UNIMPLEMENTED", "OK").passes(deflate=False))
        self.assertFalse(Verdict("12.1.1", "UNIMPLEMENTED", "OK").passes(deflate=True))
        self.assertFalse(Verdict("1.1.1", "UNIMPLEMENTED", "OK").passes(deflate=False))
        self.assertFalse(Verdict("13.1.1", "OK", "OK").passes(deflate=False))

    def test_close_behaviour_counts(self) -> None:
        self.assertFalse(Verdict("7.1.1", "OK", "WRONG CODE").passes(deflate=True))
        self.assertTrue(Verdict("7.1.1", "NON-STRICT", "OK").passes(deflate=True))

    def test_saved_verdicts_come_back_in_order(self) -> None:
        path = Path(self.mktemp()) / "deep" / "verdicts.json"
        late, early = Verdict("10.1.1", "OK", "OK", wirelog=["x"]), Verdict("9.1.1", "FAILED", "OK", remote_close=1002)
        save(path, [late, early])
        self.assertEqual(load(path), [early, late])
        self.assertEqual(load(path.with_name("none.json")), [])

    def test_wirelog_is_cut(self) -> None:
        """Only the end of a long log is kept, and only the start of a long entry."""
        extract = wirelog_extract([("TO", n, "x" * 1000) for n in range(100)])
        self.assertEqual(len(extract), 40)
        self.assertTrue(extract[-1].startswith("('TO', 99"))
        self.assertEqual(max(map(len, extract)), 160)
