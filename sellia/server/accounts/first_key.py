"""The first key: how whoever starts a server with an empty database gets in.

It belongs to the account ``admin`` and has every scope.  On a terminal its secret is printed once; elsewhere it is
written to a file of the state directory that its owner alone may read, before the key is stored: a server that is
killed in between makes another one.
"""

import os
from collections.abc import Callable
from datetime import datetime
from typing import Final, TextIO

from sellia.errors import SettingsError
from sellia.server.accounts.grants import SCOPES
from sellia.server.accounts.secrets import digest, new_secret, shown
from sellia.storage.failures import Conflict
from sellia.storage.interface import Change, Directory, Insert, Storage
from sellia.storage.records import Account, Event, Key, new_id

#: Name of the account and of the file.
ACCOUNT: Final = "admin"
FILE: Final = "first-admin-key"


def make_first_key(
    storage: Storage, state_dir: str | None, output: TextIO, today: Callable[[], datetime]
) -> str | None:
    """Make the first key of an empty storage, and return the path of the file that it is in, if it is in one.

    Raises SettingsError where there is no place for it, StorageError where it cannot be stored.
    """
    if storage.has_keys():  # one look, where the directory may be long
        return None
    directory = storage.directory()
    terminal = output.isatty()
    if not terminal and state_dir is None:
        raise SettingsError(
            "the database has no key, and there is no place for the first one",
            "Start the server once on a terminal, where it is printed, or give --state-dir, where it is put in a file.",
        )
    secret, path = new_secret(), None
    if not terminal and state_dir is not None:
        path = write_secret(os.path.join(state_dir, FILE), secret)
    try:
        storage.write(_changes(directory, secret, today()))
    except Conflict:
        return None  # another server on the same database was quicker, and has told its key
    if terminal:
        output.write(
            "The first admin key of this server, which is shown only now:\n\n"
            f"    {secret}\n\n"
            "'sellia auth login' stores it; with it, 'sellia admin' makes others.\n"
        )
        output.flush()
    return path


def write_secret(path: str, secret: str) -> str:
    """Write a secret to a file with mode 0600, in the place of one that is there, and return its path.

    Its directory is made where there is none.  Raises SettingsError.
    """
    fresh = f"{path}.new"
    try:
        os.makedirs(os.path.dirname(fresh) or ".", mode=0o700, exist_ok=True)
        if os.path.lexists(fresh):
            os.unlink(fresh)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError as error:
        line = f"the first admin key cannot be written to {path}: {error.strerror}"
        raise SettingsError(line, "Let the server's user write there.") from None
    return path


def _changes(directory: Directory, secret: str, now: datetime) -> list[Change]:
    """Return the changes that make the account and the key.

    The account is made with them, so that of two servers that start at once one has a conflict.
    """
    account = next((each for each in directory.accounts if each.name == ACCOUNT), None)
    changes: list[Change] = []
    if account is None:
        account = Account(new_id("acc"), ACCOUNT, now)
        changes.append(Insert(account))
    key = Key(new_id("key"), account.id, "first", shown(secret), digest(secret), now, SCOPES)
    told = Event(now, "key.created", account.id, subject=key.id, detail={"prefix": key.prefix, "first": True})
    return [*changes, Insert(key), Insert(told)]
