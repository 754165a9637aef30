"""The wheel of what runs; installing it is tried in ``tests.e2e.test_wheel``."""

import base64
import csv
import hashlib
import io
import zipfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import sellia
from sellia.server.base_domain.wheel import build_wheel

PACKAGE = Path(sellia.__file__).parent


class WheelTests(SynchronousTestCase):
    def test_the_same_each_time(self) -> None:
        first, second = build_wheel(), build_wheel()
        assert first is not None
        self.assertEqual(first, second)
        self.assertEqual(first.name, f"sellia-{sellia.__version__}-py3-none-any.whl")
        self.assertEqual(first.sha256, hashlib.sha256(first.data).hexdigest())

    def test_all_files_and_their_record(self) -> None:
        wheel = build_wheel()
        assert wheel is not None
        with zipfile.ZipFile(io.BytesIO(wheel.data)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        info = f"sellia-{sellia.__version__}.dist-info"
        record = list(csv.reader(io.StringIO(files[f"{info}/RECORD"].decode())))
        self.assertEqual({row[0] for row in record}, set(files))
        for name, digest, size in record:
            if name.endswith("/RECORD"):
                self.assertEqual((digest, size), ("", ""))
                continue
            expected = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()
            self.assertEqual((digest, int(size)), (f"sha256={expected}", len(files[name])), name)
        sources = {path.relative_to(PACKAGE.parent).as_posix() for path in PACKAGE.rglob("*.py")}
        self.assertEqual(sources - set(files), set())
        self.assertIn("twisted/plugins/sellia_client.py", files)
        self.assertIn("sellia/py.typed", files)
        shipped = {each.relative_to(PACKAGE.parent).as_posix() for each in PACKAGE.rglob("*.js*")}
        pages = {f"sellia/{each}/page/index.html" for each in ("client/inspector", "server/admin")}
        self.assertLessEqual(shipped | pages | {"sellia/cli/commands.json"}, set(files))
        self.assertIn(f"Version: {sellia.__version__}", files[f"{info}/METADATA"].decode().splitlines())
        self.assertIn(b"[console_scripts]\nsellia = sellia.", files[f"{info}/entry_points.txt"])
        self.assertEqual([name for name in files if "__pycache__" in name or name.endswith(".pyc")], [])

    def test_no_files(self) -> None:
        """As in a frozen program."""
        self.assertIsNone(build_wheel(Path("/nowhere/sellia")))
