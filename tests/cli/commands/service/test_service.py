"""``sellia service``, with programs that note what they are asked for in the place of systemd's."""

import os
import subprocess
import sys
import sysconfig
from importlib import import_module
from pathlib import Path

from sellia.cli import systemd
from sellia.cli.commands.service import COMMANDS
from sellia.cli.exits import Exit
from sellia.cli.units import MARK
from sellia.credentials import credentials
from tests.cli.case import CommandCase

SETTINGS = "server: https://tunnel.example.com\ntunnels: {web: {target: 8080}}\n"

SYSTEMCTL = """#!/bin/sh
[ "$1" = --version ] && { echo "systemd ${VERSION:-252} (x)"; exit; }
echo "$0 $*" >> "$NOTES"
exit ${STATUS:-0}
"""


class ServiceCase(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = Path(self.mktemp()).absolute()
        programs = self.home / "bin"
        programs.mkdir(parents=True)
        for name in ("systemctl", "journalctl", "sellia"):
            (programs / name).write_text(SYSTEMCTL)
            (programs / name).chmod(0o755)
        self.notes = self.home / "notes"
        self.unit = self.home / ".config" / "systemd" / "user" / "sellia.service"
        self.config = self.home / ".config" / "sellia" / "sellia.yaml"
        self.config.parent.mkdir(parents=True)
        self.config.write_text(SETTINGS)
        environment = {
            **os.environ,
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": "",
            "PATH": f"{programs}:/bin:/usr/bin",
            "NOTES": str(self.notes),
        }
        self.patch(os, "environ", environment)
        self.patch(systemd, "BOOTED", str(self.home))
        self.patch(systemd, "SYSTEM_UNITS", str(self.home / "system"))
        self.patch(sys, "argv", ["nothing"])

    def noted(self) -> list[str]:
        """What systemd's programs were asked for."""
        return [line.rpartition("/")[2] for line in self.notes.read_text().splitlines()]


class InstallTests(ServiceCase):
    def test_for_the_user(self) -> None:
        credentials(os.environ, lambda: None).save("https://tunnel.example.com", "the-key")
        said = self.invoke("service", "install")
        self.assertIn(f"Installed {self.unit}.", said)
        self.assertIn("loginctl enable-linger", said)
        self.assertEqual(
            self.noted(),
            [
                "systemctl --user daemon-reload",
                "systemctl --user enable sellia.service",
                "systemctl --user restart sellia.service",
            ],
        )
        unit = self.unit.read_text()
        self.assertIn(f"ExecStart={self.home}/bin/sellia start --all --config {self.config}\n", unit)
        self.assertIn(f"LoadCredential=sellia-key:{self.home}/.config/sellia/keys/", unit)
        self.assertNotIn("the-key", unit + said)

    def test_for_the_machine(self) -> None:
        key = self.home / "key"
        key.write_text("the-key")
        self.config.chmod(0o644)
        command = ("service", "install", "--system", "--config", str(self.config), "--key-file", str(key), "--no-start")
        self.assertNotIn("enable-linger", self.invoke(*command))
        self.assertEqual(self.noted(), ["systemctl daemon-reload", "systemctl enable sellia.service"])
        unit = (self.home / "system" / "sellia.service").read_text()
        self.assertIn("DynamicUser=yes", unit)
        self.assertIn(f"LoadCredential=sellia-key:{key}", unit)

    def test_for_the_machine_with_secrets_in_the_file(self) -> None:
        self.config.chmod(0o600)
        said = self.invoke("service", "install", "--system", "--config", str(self.config), status=Exit.FAILED)
        self.assertIn("can be read by its owner only, and the service has a user of its own", said)

    def test_without_a_key(self) -> None:
        self.assertIn("It has no key: `sellia auth login` stores one", self.invoke("service", "install"))
        self.assertNotIn("Credential", self.unit.read_text())
        said = self.invoke("service", "install", "--key-file", "/nowhere/key", status=Exit.USAGE)
        self.assertIn("there is no file /nowhere/key", said)

    def test_again(self) -> None:
        self.invoke("service", "install", "--no-start")
        self.invoke("service", "install", "--no-start")

    def test_a_unit_of_somebody_else(self) -> None:
        self.unit.parent.mkdir(parents=True)
        self.unit.write_text("[Unit]\n")
        for command in ("install", "uninstall", "status", "logs"):
            said = self.invoke("service", command, status=Exit.FAILED)
            self.assertIn("was not written by `sellia service install`, and is left alone", said)
        self.assertEqual(self.unit.read_text(), "[Unit]\n")

    def test_wrong_settings(self) -> None:
        self.config.write_text("server: nowhere\ntunnels: {}\n")
        self.invoke("service", "install", status=Exit.SETTINGS)
        self.assertFalse(self.unit.exists())

    def test_no_settings(self) -> None:
        """Where nobody has named a file, it is said how to write one."""
        self.config.unlink()
        said = self.invoke("service", "install", status=Exit.SETTINGS)
        self.assertIn(f"Error: there is no settings file {self.config}", said)
        self.assertIn("with `sellia config edit`", said)
        said = self.invoke("service", "install", "--config", str(self.config), status=Exit.SETTINGS)
        self.assertIn("--config: cannot read", said)

    def test_a_machine_without_systemd(self) -> None:
        """It is said what to do by hand."""
        self.patch(systemd, "BOOTED", "/nowhere")
        said = self.invoke("service", "install", status=Exit.FAILED)
        self.assertIn("This machine does not run systemd. Have whatever starts services here run `", said)
        self.assertIn("[Service]", said)
        self.assertFalse(self.unit.exists())

    def test_a_systemd_that_is_too_old(self) -> None:
        self.patch(os, "environ", {**os.environ, "VERSION": "249"})
        said = self.invoke("service", "install", status=Exit.FAILED)
        self.assertIn("This machine runs systemd 249, and 250 is needed", said)

    def test_a_systemd_that_refuses(self) -> None:
        self.patch(os, "environ", {**os.environ, "STATUS": "1"})
        said = self.invoke("service", "install", status=Exit.FAILED)
        self.assertIn("`systemctl --user daemon-reload` failed with status 1.", said)

    def test_print(self) -> None:
        self.assertTrue(self.invoke("service", "install", "--print").startswith(MARK))
        self.assertFalse(self.unit.exists() or self.notes.exists())


class OtherTests(ServiceCase):
    def test_uninstall(self) -> None:
        self.invoke("service", "install")
        self.notes.unlink()
        self.assertIn(f"Removed {self.unit}.", self.invoke("service", "uninstall"))
        self.assertEqual(
            self.noted(), ["systemctl --user disable --now sellia.service", "systemctl --user daemon-reload"]
        )
        self.assertFalse(self.unit.exists())
        said = self.invoke("service", "uninstall", status=Exit.FAILED)
        self.assertIn("install it with `sellia service install`, or try with --system", said)

    def become(self, *arguments: str) -> int:
        """Run a command that becomes another, as a process; its status."""
        sellia = str(Path(sysconfig.get_path("scripts"), "sellia"))
        return subprocess.run([sys.executable, sellia, "service", *arguments], env=os.environ, check=False).returncode

    def test_status_and_logs_are_systemds(self) -> None:
        self.invoke("service", "install", "--no-start")
        self.notes.unlink()
        self.patch(os, "environ", {**os.environ, "STATUS": "3"})
        self.assertEqual(self.become("status"), 3)
        self.assertEqual(self.become("logs", "-f", "-n", "5"), 3)
        self.assertEqual(
            self.noted(),
            [
                "systemctl --user status --no-pager sellia.service",
                "journalctl --no-pager --follow --lines=5 --user-unit sellia.service",
            ],
        )

    def test_lines_of_help(self) -> None:
        for name, line in COMMANDS.items():
            command = import_module(f"sellia.cli.commands.service.{name}").command
            self.assertEqual((command.help or "").partition("\n")[0], line, name)
