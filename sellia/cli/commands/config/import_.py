"""``sellia config import FILE``: settings of ngrok, cloudflared or frp, read into ours."""

import os
import sys
from typing import Final

import click

from sellia.cli.exits import Exit
from sellia.cli.word import Word

#: Bytes of a file that is imported, at most.
FILE_LIMIT: Final = 256 * 1024

_FORMATS: Final = ("ngrok2", "ngrok3", "cloudflared", "frp", "frp-ini")


class CannotImport(click.ClickException):
    """The file cannot be read, or what was made of it cannot be written."""

    exit_code = Exit.SETTINGS


@click.command(name="import")
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", metavar="FILE", help="File to write, or - for standard output.  [default: the user's]")
@click.option("--server", metavar="URL", help="URL of your Sellia server, to put into the file.")
@click.option("--format", "kind", type=Word("format", _FORMATS), help="What FILE is, if that is not found out.")
@click.option("--force", is_flag=True, help="Overwrite the file that is written, without asking.")
def command(file: str, output: str | None, server: str | None, kind: str | None, force: bool) -> None:
    """Read the settings of ngrok, cloudflared or frp.

    FILE is ngrok.yml (version 2 or 3), config.yml of cloudflared, frpc.toml or frpc.ini; - is standard input. What has
    no counterpart is named, with what to do instead, and a tunnel that something protected for which there is nothing
    here is written as a comment. Keys of other services are not taken over: `sellia auth login` stores your server's.
    """
    from sellia.cli.importers.detect import import_text
    from sellia.cli.importers.source import ImportFailure
    from sellia.cli.importers.writer import written
    from sellia.text import printable

    shown = printable(file)
    try:
        imported = import_text(_read(file), kind)
    except ImportFailure as error:
        raise CannotImport(f"{shown} {error}.") from None
    path = _path(output)
    text = written(imported, os.path.basename(shown) if file != "-" else "standard input", server)
    if path is None:
        click.echo(text, nl=False)
    else:
        _write(path, text, force)
    _tell(shown, path, imported, server)


def _read(file: str) -> str:
    from sellia.cli.importers.source import ImportFailure

    try:
        if file == "-":
            data = sys.stdin.buffer.read(FILE_LIMIT + 1)
        else:
            with open(file, "rb") as stream:
                data = stream.read(FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        raise ImportFailure(f"cannot be read: {getattr(error, 'strerror', None) or 'this is no name'}") from None
    if len(data) > FILE_LIMIT:
        raise ImportFailure(f"is larger than {FILE_LIMIT // 1024} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ImportFailure("is not text in UTF-8") from None


def _path(output: str | None) -> str | None:
    """Return the path of the file to write, or None for standard output."""
    if output is not None:
        return None if output == "-" else os.path.abspath(os.path.expanduser(output))
    from sellia.directories import user_directory

    directory = user_directory(os.environ)
    if not directory:
        raise click.UsageError("This user has no home: give --output FILE.")
    return os.path.join(directory, "sellia.yaml")


def _write(path: str, text: str, force: bool) -> None:
    """Write a file that only this user can read; one that is there only if the user says so."""
    shown = click.format_filename(path)
    if os.path.lexists(path) and not force:
        if not sys.stdin.isatty():
            raise click.UsageError(f"{shown} is there already: give --force to overwrite it, or --output FILE.")
        if not click.confirm(f"{shown} is there already. Overwrite it?", err=True):
            click.echo("Nothing was written.", err=True)
            sys.exit(Exit.OK)
    beside = f"{path}.new"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as stream:
            os.fchmod(stream.fileno(), 0o600)
            stream.write(text)
        os.replace(beside, path)
    except OSError as error:
        raise CannotImport(f"Cannot write {shown}: {error.strerror}.") from None


def _tell(shown: str, path: str | None, imported: object, server: str | None) -> None:
    """Say on standard error what was carried over, and what was not."""
    from sellia.cli.importers.result import Imported

    assert isinstance(imported, Imported)
    withheld = [each for each in imported.tunnels if each.withheld]
    for note in imported.notes:
        click.secho(f"{note.key}: {note.advice}", err=True, fg="red" if note.protects else None)
    for tunnel in withheld:
        click.secho(
            f"{tunnel.name} is written as a comment: {'; '.join(dict.fromkeys(tunnel.withheld))}", err=True, fg="red"
        )
    tunnels = len(imported.tunnels) - len(withheld)
    counted = f"{tunnels} tunnel{'' if tunnels == 1 else 's'}"
    into = f", written to {click.format_filename(path)}" if path is not None else ""
    click.echo(f"{shown} ({imported.kind}): {counted} taken over{into}.", err=True)
    if server is None:
        click.echo("Put the URL of your Sellia server into it, as server, or give it with --server.", err=True)
    if path is not None:
        click.echo("`sellia config check` checks it; `sellia auth login` stores the key of your server.", err=True)
