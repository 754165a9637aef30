"""Rules by name: a table that nobody can make grow."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.http.field_rules import RULES, NameTable, rule_of


class RuleTableTests(SynchronousTestCase):
    """The table is an optimisation: it changes no answer, and nobody can make it grow."""

    def test_it_learns_up_to_its_bound(self) -> None:
        table = NameTable(rule_of, room=3)
        usual = len(table)
        for number in range(100):
            self.assertEqual(table[b"X-Attack-%d" % number], table[b"x-attack"])
        self.assertEqual(len(table), usual + 3)

    def test_it_learns_no_long_names(self) -> None:
        table = NameTable(rule_of)
        usual = len(table)
        table[b"x" * 65]
        self.assertEqual(len(table), usual)

    def test_a_full_table_gives_the_same_answers(self) -> None:
        full = NameTable(rule_of, room=0)
        for name in (b"CONNECTION", b"x_Forwarded-FOR", b"Te", b"X-Forwarded-Anything", b"X-Plain", b"SELLIA-ERROR"):
            self.assertEqual(full[name], RULES[name])
            self.assertNotIn(name, full)
