"""Families of names, and the wildcards that stand for a name."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.families import Families, family_of, wildcards_of


class WildcardTests(SynchronousTestCase):
    def test_narrowest_first(self) -> None:
        for name, wildcards in (
            ("myapp", []),
            ("a.myapp", ["*.myapp"]),
            ("a.b.myapp", ["*.b.myapp", "*.myapp"]),
            ("*.b.myapp", ["*.myapp"]),
            ("*.myapp", []),
            ("a.example.org.", ["*.example.org.", "*.org."]),
            ("tcp:20000", []),
            ("", []),
        ):
            self.assertEqual(list(wildcards_of(name)), wildcards, name)


class FamilyTests(SynchronousTestCase):
    def test_family_of(self) -> None:
        names = ("myapp", "a.myapp", "*.b.myapp", "shop.example.org.", "tcp:20000")
        self.assertEqual(
            [family_of(name) for name in names], ["myapp", "myapp", "myapp", "shop.example.org.", "tcp:20000"]
        )

    def test_relatives(self) -> None:
        families = Families()
        names = {"myapp", "a.myapp", "*.myapp", "other", "shop.example.org.", "www.example.org."}
        for name in (*names, "a.myapp"):
            families.add(name)
        families.check_invariants(names)
        self.assertEqual(set(families.relatives("myapp")), {"a.myapp", "*.myapp"})
        self.assertEqual(set(families.relatives("x.myapp")), {"myapp", "a.myapp", "*.myapp"})
        self.assertEqual(set(families.relatives("shop.example.org.")), set())
        self.assertEqual([name in families for name in ("myapp", "other", "example.org.")], [True, False, False])
        for name in (*names, "a.myapp"):
            families.discard(name)
        families.check_invariants(set())
        self.assertNotIn("myapp", families)
