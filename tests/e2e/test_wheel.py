"""The wheel that a server offers, installed with pip into a new environment, whose client then connects."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tempfile
import urllib.request
import venv
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.e2e.case import watched
from tests.processes import Process, free_port, start_server


class WheelTests(SynchronousTestCase):
    def test_installed_from_the_server(self) -> None:
        """As the page says; what Sellia depends on is borrowed, so that nothing is fetched."""
        server = watched(start_server())
        self.addCleanup(server.stop)
        base = f"http://localhost:{server.port}"
        with urllib.request.urlopen(f"{base}/client/", timeout=10) as answer:
            page = answer.read().decode()
        url = re.findall(r"<pre>pip install (.*)</pre>", page)[0]
        digest = re.findall(r"SHA-256 is\s+<code>([0-9a-f]{64})", page)[0]
        environment = Path(tempfile.mkdtemp())
        venv.create(environment, with_pip=False)
        paths = sysconfig.get_paths("venv", {"base": str(environment), "platbase": str(environment)})
        borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        python = Path(paths["scripts"]) / "python"
        pip = (sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--quiet")
        # The digest is checked by pip, and so is each line of RECORD.
        install = (*pip, "install", "--no-index", "--no-deps", f"{url}#sha256={digest}")
        done = subprocess.run(install, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done)
        Path(paths["purelib"], "borrowed.pth").write_text("\n".join(borrowed) + "\n")
        where = subprocess.run(
            [python, "-c", "import sellia.cli.main; print(sellia.__file__)"],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
        )
        self.assertTrue(where.stdout.startswith(str(environment)), where)
        command = [str(Path(paths["scripts"]) / "sellia"), "http", str(free_port()), "-s", "mine", "--server", base]
        client = Process(command, name="the installed client", cwd="/")
        self.addCleanup(client.stop)
        client.wait_for_line(rf"  open    http://mine[.]localhost:{server.port}")
        listed = subprocess.run(
            [python, "-m", "twisted", "--help"], capture_output=True, text=True, cwd="/", check=False
        )
        self.assertIn("sellia-server", listed.stdout)
