"""systemd of this machine, as ``sellia service`` asks it: by ``systemctl`` and ``journalctl``."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final, NoReturn

import click

from sellia.cli.exits import Exit
from sellia.cli.units import MARK, SYSTEMD, UNIT

#: Where units of the machine are, and a user's below the directory of settings.
SYSTEM_UNITS: Final = "/etc/systemd/system"
USER_UNITS: Final = "systemd/user"

#: The directory that is there where systemd runs (sd_booted(3)).
BOOTED: Final = "/run/systemd/system"


class ServiceFailure(click.ClickException):
    """The service cannot be installed, or asked after, on this machine."""

    exit_code = Exit.FAILED


def scope_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--user`` and ``--system``, as ``system``."""
    return click.option("--system/--user", "system", default=False, help="Of the machine, or of this user.")(command)


def unit_path(system: bool) -> str:
    """Return the path of the unit."""
    if system:
        return os.path.join(SYSTEM_UNITS, UNIT)
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    home = os.environ.get("HOME", "")
    base = configured if os.path.isabs(configured) else os.path.join(home, ".config") if home else ""
    if not base:
        raise ServiceFailure("This user has no home, and so no units: use --system.")
    return os.path.join(base, USER_UNITS, UNIT)


def why_not() -> str:
    """Return why this machine cannot run units, as a sentence; empty if it can."""
    if shutil.which("systemctl") is None or not os.path.isdir(BOOTED):
        return "This machine does not run systemd."
    found = re.match(r"systemd (\d+)", _output("systemctl", "--version"))
    if found is not None and int(found[1]) < SYSTEMD:
        return f"This machine runs systemd {found[1]}, and {SYSTEMD} is needed, which hands over keys."
    return ""


def installed(system: bool) -> str:
    """Return the path of the unit that is installed.  Raises ServiceFailure if there is none of ours."""
    path = unit_path(system)
    try:
        with open(path, encoding="utf-8") as file:
            ours = file.readline().rstrip("\n") == MARK
    except OSError:
        other = "without --system" if system else "with --system"
        hint = "sellia service install" + (" --system" if system else "")
        raise ServiceFailure(f"There is no {path}: install it with `{hint}`, or try {other}.") from None
    if not ours:
        raise ServiceFailure(f"{path} was not written by `sellia service install`, and is left alone.")
    return path


def systemctl(system: bool, *arguments: str) -> None:
    """Run systemctl.  Raises ServiceFailure if it fails; what is wrong it has said itself."""
    command = ["systemctl", *([] if system else ["--user"]), *arguments]
    try:
        done = subprocess.run(command, env=dict(os.environ), check=False)
    except OSError as error:
        raise ServiceFailure(f"Cannot run systemctl: {error.strerror}.") from None
    if done.returncode:
        raise ServiceFailure(f"`{' '.join(command)}` failed with status {done.returncode}.")


def hand_over(command: list[str]) -> NoReturn:
    """Become another program, whose output and status are this one's."""
    sys.stdout.flush()
    try:
        os.execvpe(command[0], command, dict(os.environ))
    except OSError as error:
        raise ServiceFailure(f"Cannot run {command[0]}: {error.strerror}.") from None


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False).stdout
    except OSError:
        return ""
