"""SQLite files for tests: made once, then copied."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache

from sellia.storage.opening import open_storage
from sellia.storage.sql import SqlStorage


@cache
def _template() -> str:
    path = os.path.join(tempfile.mkdtemp(prefix="sellia-storage-"), "sellia.db")
    open_storage(None, f"sqlite:///{path}").close()
    return path


def new_file(directory: str) -> str:
    """The path of an empty database of the newest schema."""
    os.makedirs(directory)
    path = os.path.join(os.path.abspath(directory), "sellia.db")
    shutil.copy(_template(), path)
    return path


def open_file(path: str) -> SqlStorage:
    """The storage in a file."""
    storage = open_storage(None, f"sqlite:///{path}")
    assert isinstance(storage, SqlStorage)
    return storage
