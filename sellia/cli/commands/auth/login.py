"""``sellia auth login``: has a key checked by its server, and stores it."""

import os
import sys
from typing import Final

import click

from sellia.cli.exits import Exit
from sellia.cli.server_options import server_options
from sellia.credentials import KEY_LIMIT, PREFIX_OF_SHORT, credentials, prefix_of
from sellia.errors import SettingsError
from sellia.text import printable

#: Characters of standard input, or of a file, that are read.
_READ: Final = KEY_LIMIT + 2

_NO_KEY: Final = "Type it at the prompt, or give it with --key-file FILE or on standard input."


@click.command()
@server_options
@click.option("--key", metavar="KEY", help="The key itself: shells and process lists show it, so a prompt is better.")
@click.option("--key-file", metavar="FILE", help="File with the key; - for standard input.")
@click.option("--allow-http", is_flag=True, help="Send the key over http, also to another machine.")
def command(key: str | None, key_file: str | None, allow_http: bool, **flags: str | None) -> None:
    """Check a key with its server, and store it.

    The key is asked for at a prompt that does not show it, or read from standard input if that is no terminal. It is
    stored only if the server accepts it, for this user alone, and 'sellia http' finds it there.
    """
    from sellia.cli.key_status import StoredKey, ask, summary
    from sellia.cli.server_choice import check_scheme, in_words, tell_of_other_key, the_server, way_of

    def work() -> int:
        way, store = way_of(flags, os.environ), credentials(os.environ)
        server = the_server(way, store)
        check_scheme(server, allow_http)
        shown = _read_key(server, key, key_file)
        entry = StoredKey(server, shown)
        ask([entry], way)
        if entry.report is None:
            assert entry.error is not None
            raise entry.error
        where = store.save(server, shown)
        prefix = prefix_of(shown)
        which = f"with the key {prefix}, which" if prefix != PREFIX_OF_SHORT else "with a key that"
        click.echo(f"Logged in to {server} {which} is in {printable(where)} now.")
        click.echo(summary(entry.report))
        tell_of_other_key(way)
        return Exit.OK

    sys.exit(in_words(work))


def _read_key(server: str, key: str | None, key_file: str | None) -> str:
    """Return the key, from wherever the user gives it.  Raises SettingsError for what can be none."""
    from sellia.settings.given import read_text

    if key is not None and key_file is not None:
        raise click.UsageError("--key and --key-file cannot be given together: keep one of the two.")
    place = "--key"
    if key is None and key_file is None and sys.stdin is not None and sys.stdin.isatty():
        place = "the key"
        key = click.prompt(f"Key for {server}", hide_input=True, err=True, default="", show_default=False)
    elif key is None and key_file in (None, "-"):
        place, key = "standard input", _line(sys.stdin.buffer.read(4 * _READ) if sys.stdin is not None else b"")
    elif key is None and key_file is not None:
        place, key = "--key-file", read_text(key_file, "--key-file").strip("\r\n")
    return _checked(key or "", place)


def _line(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError:
        return "\n"


def _checked(key: str, place: str) -> str:
    """Return a key that can be one; of one that cannot, nothing is repeated."""
    if not key:
        raise SettingsError(f"{place}: there is no key", _NO_KEY)
    if len(key) > KEY_LIMIT:
        raise SettingsError(f"{place}: a key has at most {KEY_LIMIT} characters", "Is it the file that is meant?")
    if not key.isprintable() or key != key.strip():
        what = "a key has no line break, no control character, and no space around it"
        raise SettingsError(f"{place}: {what}", "Give the key alone, on one line.")
    return key
