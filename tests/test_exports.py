"""The Python API: every name that a package exports can be imported from it."""

from twisted.trial.unittest import SynchronousTestCase

import sellia.client
import sellia.server


class ExportTests(SynchronousTestCase):
    def test_every_name_is_there(self) -> None:
        for package in (sellia.client, sellia.server):
            for name in package.__all__:
                self.assertIsNotNone(getattr(package, name), name)

    def test_no_other_name_is(self) -> None:
        for package in (sellia.client, sellia.server):
            self.assertRaises(AttributeError, getattr, package, "Nothing")
