"""Settings of one path of a tunnel."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.settings.path import PATH_LIMIT, PathSettings, checked_paths


class StripTests(SynchronousTestCase):
    def test_a_directory_is_at_its_path(self) -> None:
        for target, strip, strips in (
            ("8000", None, False),
            ("8000", True, True),
            ("text:a", None, False),
            ("./dist", None, True),
            ("./dist", False, False),
        ):
            self.assertEqual(PathSettings(target=target, strip=strip).strips, strips, (target, strip))


class CheckedTests(SynchronousTestCase):
    def test_prefixes(self) -> None:
        path = PathSettings(target=80)
        self.assertEqual(checked_paths({"/": path, "/api/": path}), {"/": path, "/api": path})

    def test_what_is_wrong(self) -> None:
        path = PathSettings(target=80)
        for paths, line in (
            ({}, "must be 1 to 64 paths"),
            ({f"/{number}": path for number in range(PATH_LIMIT + 1)}, "must be 1 to 64 paths"),
            ({"/a": path, "/a/": path}, "/a is there twice"),
            ({"/a/../b": path}, "/a/../b is not a path"),
        ):
            error = self.assertRaises(ValueError, checked_paths, paths)
            self.assertIn(line, str(error))
