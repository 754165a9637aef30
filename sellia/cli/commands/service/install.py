"""``sellia service install``."""

import os
import shutil
import stat
import sys

import click

from sellia.cli.systemd import ServiceFailure, installed, scope_options, systemctl, unit_path, why_not
from sellia.cli.units import UNIT, Unit

#: Where the machine's key is looked for.
SYSTEM_KEY = "/etc/sellia/key"


@click.command()
@scope_options
@click.option("--config", metavar="FILE", help="Settings file that the service reads.  [default: the user's, or /etc]")
@click.option("--key-file", metavar="FILE", help="File with the key.  [default: the stored key, or /etc/sellia/key]")
@click.option("--print", "only_print", is_flag=True, help="Print the unit, and do nothing.")
@click.option("--no-start", is_flag=True, help="Install the unit without starting it.")
def command(system: bool, config: str | None, key_file: str | None, only_print: bool, no_start: bool) -> None:
    """Install a unit that runs sellia start --all, and start it.

    The settings are checked before. systemd hands the key over in a file that only the service can read; it stands
    neither in the unit nor in an environment. Once more, it replaces the unit.
    """
    config = _config(system, config)
    key = _key(system, config, key_file)
    unit = Unit(_program(), config, key, system).text()
    if only_print:
        click.echo(unit, nl=False)
        return
    reason = why_not()
    if reason:
        click.echo(unit, nl=False)
        command_line = f"{_program()} start --all --config {config}"
        raise ServiceFailure(
            f"{reason} Have whatever starts services here run `{command_line}` after the network is there, and again "
            f"when it ends{_with_key(key)}. The unit above shows what systemd would be told."
        )
    path = unit_path(system)
    if os.path.lexists(path):
        installed(system)  # or it is somebody else's
    _write(path, unit)
    systemctl(system, "daemon-reload")
    systemctl(system, "enable", UNIT)
    if not no_start:
        systemctl(system, "restart", UNIT)
    scope = " --system" if system else ""
    click.echo(f"Installed {path}. `sellia service status{scope}` and `sellia service logs{scope}` show what it does.")
    if key is None:
        click.echo("It has no key: `sellia auth login` stores one; then install it again.", err=True)
    if not system:
        click.echo("It runs while you are logged in; `loginctl enable-linger` has it run always.", err=True)


def _config(system: bool, config: str | None) -> str:
    """Return the settings file, which is read and found right.  Raises what ends a command for wrong settings."""
    from sellia.cli.tunnel_flags import WrongSettings
    from sellia.client.settings import load_here
    from sellia.directories import user_directory
    from sellia.errors import SettingsError

    if config is None:
        config = os.path.join("/etc/sellia" if system else user_directory(os.environ), "sellia.yaml")
        if not os.path.lexists(config):
            which = " system" if system else ""
            hint = f"Write your tunnels into it with `sellia config edit{which}`, or name another with --config FILE."
            raise WrongSettings(f"there is no settings file {config}, which the service would read\nHint: {hint}")
    config = os.path.abspath(os.path.expanduser(config))
    try:
        load_here({}, environment(), config)
        if system and not _readable_by_all(config):
            raise ServiceFailure(
                f"{config} can be read by its owner only, and the service has a user of its own: "
                f"keep secrets out of it, and `chmod o+r {config}`."
            )
    except SettingsError as error:
        raise WrongSettings(str(error)) from None
    return config


def environment() -> dict[str, str]:
    """Return the variables that the service will have as well: none of Sellia's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SELLIA_")}


def _readable_by_all(path: str) -> bool:
    try:
        return bool(os.stat(path).st_mode & stat.S_IROTH)
    except OSError:
        return False


def _key(system: bool, config: str, given: str | None) -> str | None:
    """Return the path of the file with the key, or None if there is none."""
    from sellia.client.settings import load_here
    from sellia.credentials import credentials

    if given is not None:
        path = os.path.abspath(os.path.expanduser(given))
        if not os.path.isfile(path):
            raise click.UsageError(f"--key-file: there is no file {click.format_filename(path)}.")
        return path
    if system:
        return SYSTEM_KEY if os.path.isfile(SYSTEM_KEY) else None
    server = load_here({}, environment(), config).server
    place = credentials(os.environ).place(server)
    return place if os.path.isabs(place) else None


def _with_key(key: str | None) -> str:
    return f", with SELLIA_API_KEY_FILE={key} in its environment" if key is not None else ""


def _program() -> str:
    """Return the path of this program."""
    own = os.path.abspath(sys.argv[0])
    found = own if os.path.basename(own) == "sellia" and os.access(own, os.X_OK) else shutil.which("sellia")
    if found is None:
        raise ServiceFailure("The program sellia is not on the PATH, and a unit needs to know where it is.")
    return os.path.abspath(found)


def _write(path: str, text: str) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(f"{path}.new", path)
    except OSError as error:
        hint = " Units of the machine are root's: use sudo, or leave out --system." if os.geteuid() else ""
        raise ServiceFailure(f"Cannot write {path}: {error.strerror}.{hint}") from None
