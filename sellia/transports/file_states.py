"""States of files, by which a change of them is seen: of certificates and keys that somebody renews on disk."""

import os
from collections.abc import Sequence
from typing import TypeAlias

#: Inode, size and time of change of each file; None for one that cannot be looked at.
FileStates: TypeAlias = tuple[tuple[int, int, int] | None, ...]


def file_states(files: Sequence[str]) -> FileStates:
    """Return what is different once one of the files has changed."""
    states: list[tuple[int, int, int] | None] = []
    for file in files:
        try:
            found = os.stat(file)
        except OSError:
            states.append(None)
        else:
            states.append((found.st_ino, found.st_size, found.st_mtime_ns))
    return tuple(states)
