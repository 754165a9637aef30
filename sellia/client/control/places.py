"""Directories of a user's clients: for their control sockets, and for the logs of those that were detached.

Sockets are in ``sellia`` below the user's runtime directory, which is ``XDG_RUNTIME_DIR`` or, where that is not set or
cannot be used (in cron, after sudo), ``/run/user/UID``; where there is neither, in ``sellia/run`` below the state
directory (``XDG_STATE_HOME``, or ``~/.local/state``).  A client uses the first of them; whoever looks for clients looks
into all, because a client may have been started from a session that had another environment.
"""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from sellia.errors import SelliaError
from sellia.text import printable

#: What only its owner may do anything with.
_PRIVATE: Final = 0o700

_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class PlaceError(SelliaError):
    """A directory cannot be used: it is not there, cannot be made, or is not the user's alone."""


def state_directory(environment: Mapping[str, str]) -> Path:
    """Return the directory of what is kept between runs.  Raises PlaceError for a user without a home directory."""
    return _state_home(environment) / "sellia"


def socket_directories(environment: Mapping[str, str]) -> list[Path]:
    """Return the directories where clients of this user may have their sockets, the one for a new client first."""
    named = environment.get("XDG_RUNTIME_DIR", "")
    usable = (Path(place) for place in (named, f"/run/user/{os.geteuid()}") if _is_runtime_directory(place))
    found = [place / "sellia" for place in usable][:1]
    with suppress(PlaceError):
        found.append(state_directory(environment) / "run")
    return found


def open_private(path: Path, *, make: bool = False) -> int:
    """Return a descriptor of a directory that belongs to this user alone; ``make`` it if it is not there.

    Raises FileNotFoundError where it is not there and is not to be made, and PlaceError where it cannot be used.
    """
    if make:
        _make(path)
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise
    except OSError as error:
        link = "is a symbolic link" if path.is_symlink() else ""
        raise PlaceError(f"{printable(str(path))} {link or f'cannot be opened: {error.strerror}'}") from None
    try:
        _check(path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(path: Path, descriptor: int) -> None:
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid():
        raise PlaceError(f"{printable(str(path))} belongs to another user (uid {found.st_uid})")
    if stat.S_IMODE(found.st_mode) & 0o077:
        try:
            os.fchmod(descriptor, _PRIVATE)
        except OSError as error:
            raise PlaceError(f"{printable(str(path))} is open to other users: {error.strerror}") from None


def _make(path: Path) -> None:
    """Make a directory, and those above it, for this user alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=_PRIVATE)
    except FileExistsError:
        pass
    except OSError as error:
        raise PlaceError(f"{printable(str(path))} cannot be made: {error.strerror}") from None


def _state_home(environment: Mapping[str, str]) -> Path:
    named = environment.get("XDG_STATE_HOME", "")
    if os.path.isabs(named):  # the specification wants others ignored
        return Path(named)
    home = environment.get("HOME", "")
    if not os.path.isabs(home):
        try:
            home = str(Path.home())
        except RuntimeError:
            home = ""
    if not os.path.isabs(home):
        raise PlaceError("this user has no home directory")
    return Path(home) / ".local" / "state"


def _is_runtime_directory(path: str) -> bool:
    """Return whether a directory is what a runtime directory has to be: there, the user's own, not open to others."""
    if not os.path.isabs(path):
        return False
    try:
        found = os.stat(path)
    except OSError:
        return False
    private = found.st_uid == os.geteuid() and not found.st_mode & 0o022
    return stat.S_ISDIR(found.st_mode) and private
