"""What every answer to a browser carries."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.http.page_policy import FIELDS, POLICY


class PolicyTests(SynchronousTestCase):
    def test_nothing_of_the_markup_runs(self) -> None:
        directives = dict(each.split(b" ", 1) for each in POLICY.split(b"; "))
        self.assertEqual((directives[b"default-src"], directives[b"script-src"]), (b"'none'", b"'self'"))
        self.assertNotIn(b"unsafe", POLICY)

    def test_every_field_once(self) -> None:
        names = [name for name, _ in FIELDS]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(dict(FIELDS)[b"Content-Security-Policy"], POLICY)
