"""States of files: what is different when one of them has changed."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.file_states import file_states


class FileStatesTests(SynchronousTestCase):
    def test_a_change_of_any_kind_is_seen(self) -> None:
        path = Path(self.mktemp())
        seen = [file_states([str(path)])]
        path.write_text("one")
        seen.append(file_states([str(path)]))
        path.write_text("other")
        seen.append(file_states([str(path)]))
        os.utime(path, ns=(1, 1))
        seen.append(file_states([str(path)]))
        other = path.with_suffix(".new")
        other.write_text("other")
        os.utime(other, ns=(1, 1))
        os.replace(other, path)
        seen.append(file_states([str(path)]))
        self.assertEqual(len(set(seen)), 5)
        self.assertEqual(seen[0], (None,))
        self.assertEqual(file_states([str(path)]), seen[-1], "nothing has changed")
