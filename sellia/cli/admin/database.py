"""Databases that ``sellia admin restore``, ``export`` and ``import`` work on themselves, while no server does."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from sellia.errors import SettingsError

#: Where the database is, if no option says it.
_STATE: Final = "SELLIA_STATE_DIR"
_URL: Final = "SELLIA_STORAGE"


def database_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--state-dir`` and ``--storage``, as a server has them, and ``--json``."""
    command = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)
    text = f"URL of the database, such as postgresql://USER@HOST/DATABASE. [default: {_URL}, also with _FILE]"
    command = click.option("--storage", metavar="URL", help=text)(command)
    text = f"The server's state directory. [default: {_STATE}]"
    return click.option("--state-dir", metavar="DIR", help=text)(command)


def database_url(state_dir: str | None, storage: str | None, environment: Mapping[str, str]) -> Any:
    """Return which database is meant.  Raises SettingsError where nothing says it, or what says it is wrong."""
    from sellia.settings.given import read_text
    from sellia.storage.opening import place

    if state_dir is not None and storage is not None:
        raise SettingsError("--state-dir and --storage cannot be given together", "Keep one of the two.")
    if state_dir is None and storage is None:
        storage = environment.get(_URL) or None
        path = environment.get(f"{_URL}_FILE")
        if storage is None and path:
            storage = read_text(path, f"{_URL}_FILE").strip()
        if storage is None:
            state_dir = environment.get(_STATE) or None
    try:
        found = place(state_dir, storage)
    except ValueError as error:
        raise SettingsError(f"--storage {error}", "Write it as in postgresql://USER@HOST/DATABASE.") from None
    if found is None:
        raise SettingsError(
            "it is not said which database is meant", "Give --state-dir or --storage, as the server has."
        )
    return found


def in_database(flags: Mapping[str, str | None], work: Callable[[Any], Any]) -> Any:
    """Return what ``work`` does with the URL of the database; an error of ours ends the command in words."""
    from sellia.cli.server_choice import in_words

    results: list[Any] = []

    def worked() -> int:
        results.append(work(database_url(flags.get("state_dir"), flags.get("storage"), os.environ)))
        return 0

    in_words(worked)
    return results[0]


def rows_text(rows: Mapping[str, int]) -> str:
    """Return how many rows of each kind there are."""
    from sellia.cli.texts import plural

    told = [f"{count:,} {name}" for name, count in rows.items() if count]
    return ", ".join(told) or plural(0, "row")
