"""``sellia config import``; what becomes of files is in ``tests.cli.importers``."""

import os
import stat
from pathlib import Path

from click.testing import CliRunner

from sellia.cli.exits import Exit
from sellia.cli.main import main
from sellia.client.settings import load
from tests.cli.case import CommandCase
from tests.cli.importers.golden import FILES

NGROK = str(FILES / "ngrok2-two.yml")


class ImportTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.patch(os, "environ", {**os.environ, "HOME": str(self.directory), "XDG_CONFIG_HOME": ""})
        self.user = self.directory / ".config" / "sellia" / "sellia.yaml"

    def test_into_the_users_file(self) -> None:
        """Which only the user can read, for passwords of visitors may be in it."""
        result = self.result("config", "import", NGROK, "--server", "https://tunnel.example.com")
        self.assertEqual(result.stdout, "")
        self.assertEqual(stat.S_IMODE(self.user.stat().st_mode), 0o600)
        self.assertIn(f"4 tunnels taken over, written to {self.user}.", result.stderr)
        self.assertIn("\nstaff.only is written as a comment: oauth kept visitors out", f"\n{result.stderr}")
        self.assertIn("authtoken: is of no use to a Sellia server", result.stderr)
        for secret in ("4nq9771b", "bobpassword", "shhh"):
            self.assertNotIn(secret, result.stderr)

    def test_the_file_can_be_used(self) -> None:
        self.invoke("config", "import", str(FILES / "ngrok3-one.yml"), "--server", "https://tunnel.example.com")
        loaded = load({}, {}, str(self.user))
        self.assertEqual(loaded.server, "https://tunnel.example.com")
        self.assertEqual([each.name for each in loaded.tunnels], ["httpbin", "demo", "ssh"])

    def test_to_standard_output(self) -> None:
        result = self.result("config", "import", NGROK, "-o", "-")
        self.assertTrue(
            result.stdout.startswith("# Made of ngrok2-two.yml (ngrok, version 2) by `sellia config import`.")
        )
        self.assertIn("Put the URL of your Sellia server into it", result.stderr)
        self.assertFalse(self.user.exists())

    def test_from_standard_input(self) -> None:
        result = CliRunner().invoke(main, ["config", "import", "-", "-o", "-"], input="tunnels: {web: {addr: 80}}")
        self.assertEqual(result.exit_code, 0)
        self.assertIn("# Made of standard input (ngrok, version 2)", result.stdout)

    def test_a_file_that_is_there(self) -> None:
        self.user.parent.mkdir(parents=True)
        self.user.write_text("mine")
        said = self.invoke("config", "import", NGROK, status=Exit.USAGE)
        self.assertIn("is there already: give --force", said)
        self.assertEqual(self.user.read_text(), "mine")
        self.invoke("config", "import", NGROK, "--force")
        self.assertIn("tunnels:", self.user.read_text())
        self.assertEqual(list(self.user.parent.iterdir()), [self.user])

    def test_a_link_is_not_followed(self) -> None:
        """What a link leads to is left alone; the link is replaced."""
        target = self.directory / "precious"
        target.write_text("mine")
        link = self.directory / "out.yaml"
        link.symlink_to(target)
        self.invoke("config", "import", NGROK, "-o", str(link), "--force")
        self.assertEqual(target.read_text(), "mine")

    def test_what_cannot_be_imported(self) -> None:
        wrong = self.directory / "wrong"
        large = b"# " + bytes(256 * 1024)
        for data, words in (
            (b"colour: green", f"{wrong} is not known: settings of ngrok"),
            (b"\xff\xfe", "is not text in UTF-8"),
            (large, "is larger than 256 KiB"),
        ):
            wrong.write_bytes(data)
            self.assertIn(words, self.invoke("config", "import", str(wrong), status=Exit.SETTINGS))
        said = self.invoke("config", "import", str(self.directory / "none"), status=Exit.SETTINGS)
        self.assertIn("cannot be read: No such file or directory", said)
        self.invoke("config", "import", NGROK, "-o", "/proc/none/x", status=Exit.SETTINGS)

    def test_format(self) -> None:
        wrong = self.directory / "file"
        wrong.write_text("x: 1")
        self.assertIn("x: is not known", self.invoke("config", "import", str(wrong), "--format", "ngrok2", "-o", "-"))
        self.invoke("config", "import", str(wrong), "--format", "zrok", status=Exit.USAGE)
