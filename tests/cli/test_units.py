"""The units, as systemd itself reads and judges them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from sellia.cli.units import MARK, UNIT, Unit, quoted


class UnitTests(SynchronousTestCase):
    def analyze(self, unit: Unit, *command: str) -> str:
        """What systemd-analyze says of a unit."""
        program = shutil.which("systemd-analyze")
        if program is None:
            raise SkipTest("systemd-analyze is not installed; run `python -m tests.e2e.prepare` as root")
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        path = directory / UNIT
        path.write_text(unit.text())
        done = subprocess.run(
            [program, *([] if unit.system else ["--user"]), *command, str(path)],
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_RUNTIME_DIR": str(directory)},
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_systemd_has_nothing_to_say_against_them(self) -> None:
        for system in (True, False):
            for config in ("/etc/sellia/sellia.yaml", '/home/me/my "100%" $file\\.yaml'):
                said = self.analyze(Unit("/bin/true", config, "/etc/sellia/key", system), "verify")
                self.assertNotIn(UNIT, said)  # it may have much to say of others

    def test_exposure(self) -> None:
        """Of 10, by systemd's own measure: 0 is none."""
        for system, most in ((True, 1.6), (False, 7.5)):
            unit = Unit("/bin/true", "/etc/sellia/sellia.yaml", "/etc/sellia/key", system)
            said = self.analyze(unit, "security", "--offline=true", "--no-pager")
            found = re.search(r"Overall exposure level for sellia.service: ([0-9.]+)", said)
            assert found is not None
            self.assertLessEqual(float(found[1]), most)

    def test_the_key_is_handed_over(self) -> None:
        unit = Unit("/usr/bin/sellia", "/etc/sellia/sellia.yaml", "/root/50%/key", True).text()
        self.assertTrue(unit.startswith(f"{MARK}\n"))
        self.assertIn(
            "\nLoadCredential=sellia-key:/root/50%%/key\nEnvironment=SELLIA_API_KEY_FILE=%d/sellia-key\n", unit
        )
        self.assertNotIn("Credential", Unit("/usr/bin/sellia", "/etc/sellia/sellia.yaml").text())

    def test_who_wants_them(self) -> None:
        self.assertIn("WantedBy=multi-user.target", Unit("/s", "/c", None, True).text())
        self.assertIn("WantedBy=default.target", Unit("/s", "/c").text())

    def test_quotes(self) -> None:
        for text, written in (("/plain", "/plain"), ("/a b", '"/a b"'), ("100%$x", "100%%$$x"), ('a"\\', '"a\\"\\\\"')):
            self.assertEqual(quoted(text), written)
