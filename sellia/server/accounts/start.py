"""The start of a server with accounts: its database is made ready, and whoever starts it gets the first key.

This blocks, before there is a reactor that runs.  A database that this version cannot work with stops the start, and so
does a file that cannot be opened; a database server that cannot be reached does not, because it may come later.
"""

import sys
from typing import Any, TextIO

from twisted.logger import Logger

from sellia.errors import SettingsError
from sellia.server.accounts.first_key import make_first_key
from sellia.server.accounts.opening import LateStorage
from sellia.server.accounts.service import Accounts, utc_now
from sellia.server.settings import ServerSettings
from sellia.storage.failures import SchemaError, StorageAway, StorageError
from sellia.storage.opening import open_storage, place
from sellia.text import field

_log = Logger()


def open_accounts(settings: ServerSettings, reactor: Any, output: TextIO | None = None) -> Accounts:
    """Return the accounts of a server, as a service that is not running.  Raises SettingsError.

    The first key is told on ``output``, where that is a terminal.
    """
    url = settings.storage.get_secret_value() if settings.storage is not None else None
    storage = LateStorage(lambda: open_storage(settings.state_dir, url))
    try:
        storage.check()
        if settings.require_auth and settings.master_key is None:
            path = make_first_key(storage, settings.state_dir, output or sys.stdout, utc_now)
            if path is not None:
                _log.warn("the first admin key is in {path}: delete it when you have it", path=field(path))
    except SchemaError as error:
        raise SettingsError(str(error), "Nothing was changed.") from error
    except StorageAway as error:
        where = place(settings.state_dir, url)
        if where is not None and where.file:
            hint = "Give --state-dir a directory where the server's user may write, or name a database with --storage."
            raise SettingsError(str(error), hint) from error
        _log.error("the database is away, and is asked again until it is there: {reason}", reason=field(str(error)))
    except StorageError as error:
        raise SettingsError(str(error)) from error
    finally:
        storage.close()  # a daemon is another process, and opens it anew
    return Accounts(storage, settings, reactor)
