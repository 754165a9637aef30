"""Sockets of clients in their directory: made, found, and removed when their process is dead.

The file of a client is named after its process, as in ``4711.sock``.  Where two process namespaces share a home
directory, the number may belong to a client that lives: the next free one of ``4711.1.sock`` and so on is taken then.
"""

import errno
import fcntl
import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sellia.client.control.peers import is_ours
from sellia.client.control.places import PlaceError, open_private
from sellia.text import printable

#: Clients of one user that are looked at; more files than that are left alone.
SOCKETS: Final = 1024

#: Connections that may wait to be accepted.
_BACKLOG: Final = 16

#: Sockets that a client looks at when it starts, to remove those of dead processes.
_LEFTOVERS: Final = 64

#: Names to try for one process.
_TRIES: Final = 8

#: Tries to get the lock, and seconds between two of them.
_LOCK_TRIES: Final = 20
_LOCK_STEP: Final = 0.025

#: Bytes of the path of a Unix socket: 108 on Linux and 104 elsewhere, its end included.
_PATH_LIMIT: Final = 103

#: What connecting to the socket of a dead process fails with, and to none.
_NOBODY: Final = (errno.ECONNREFUSED, errno.ENOENT)

_NAME: Final = re.compile(r"^([0-9]{1,10})(?:\.[0-9])?\.sock$")


@dataclass(frozen=True, slots=True)
class SocketFile:
    """A socket that a client listens on.  ``directory`` is an open descriptor; ``inode`` tells the file from others."""

    socket: socket.socket
    directory: int
    path: Path
    inode: int

    def close(self) -> None:
        """Close the socket, and remove its file if it is still this one."""
        self.socket.close()
        try:
            if os.stat(self.path.name, dir_fd=self.directory, follow_symlinks=False).st_ino == self.inode:
                os.unlink(self.path.name, dir_fd=self.directory)
        except OSError:
            pass  # somebody has removed it
        os.close(self.directory)


def listen(directory: Path, process: int) -> SocketFile:
    """Make the socket of a client, which listens.  Raises PlaceError where that cannot be had."""
    descriptor = open_private(directory, make=True)
    try:
        with locked(descriptor) as alone:
            if alone:
                _remove_all_dead(descriptor, directory)
            for number in range(_TRIES):
                name = f"{process}.{number}.sock" if number else f"{process}.sock"
                made = _bind(descriptor, directory / name)
                if made is not None:
                    inode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_ino
                    return SocketFile(made, descriptor, directory / name, inode)
        raise PlaceError(f"{printable(str(directory))} has {_TRIES} clients of the process {process} in it")
    except BaseException:
        os.close(descriptor)
        raise


def _bind(directory: int, path: Path) -> socket.socket | None:
    """Return a socket that listens at ``path``, or None where another client does."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        if not _is_free(directory, path):
            made.close()
            return None
        made.bind(_address(directory, path))
        made.listen(_BACKLOG)
        made.setblocking(False)
        return made
    except OSError as error:
        made.close()
        raise PlaceError(f"{printable(str(path))} cannot be made: {error.strerror or error}") from None
    finally:
        os.umask(mask)


def _is_free(directory: int, path: Path) -> bool:
    """Return whether a name can be taken; what a dead process has left under it is removed."""
    try:
        found = os.stat(path.name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return True
    if stat.S_ISSOCK(found.st_mode):
        try:
            connection = _connect(directory, path)
        except BlockingIOError:
            return False
        if connection is not None:
            connection.close()
            return False
    os.unlink(path.name, dir_fd=directory)
    return True


def connections(directory: Path, seconds: float) -> Iterator[tuple[Path, socket.socket | None]]:
    """Yield the sockets of clients in a directory, with a connection to each, or None for one that is too busy.

    Sockets of dead processes are removed.  Those that are not the user's own, and what is none, are left out.  Nothing
    is yielded where there is no such directory.  Raises PlaceError for one that cannot be trusted.
    """
    try:
        descriptor = open_private(directory)
    except FileNotFoundError:
        return
    try:
        names = [name for name in os.listdir(descriptor) if _NAME.match(name)]
        for name in sorted(names, key=process_of)[:SOCKETS]:
            path = directory / name
            try:
                yield path, _trusted(descriptor, path, seconds)
            except BlockingIOError:
                yield path, None
            except ConnectionRefusedError:
                _remove_dead(descriptor, path)
            except OSError:
                continue
    finally:
        os.close(descriptor)


def connect(path: Path, seconds: float) -> socket.socket:
    """Return a connection to the socket of one client.

    Raises BlockingIOError where it is too busy, another OSError where there is none, and PlaceError where its directory
    cannot be trusted.
    """
    descriptor = open_private(path.parent)
    try:
        return _trusted(descriptor, path, seconds)
    finally:
        os.close(descriptor)


def _trusted(directory: int, path: Path, seconds: float) -> socket.socket:
    """Return a connection to a client of this user.

    Raises ConnectionRefusedError where its process is dead, BlockingIOError where it is too busy, and another OSError
    for what is no socket of this user's.
    """
    found = os.stat(path.name, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError
    connection = _connect(directory, path, seconds)
    if connection is None:
        raise ConnectionRefusedError
    if not is_ours(connection):
        connection.close()
        raise PermissionError
    return connection


def process_of(name: str) -> int:
    """Return the process that a socket's file is named after; 0 for another file."""
    found = _NAME.match(name)
    return int(found[1]) if found is not None else 0


def _connect(directory: int, path: Path, seconds: float = 1.0) -> socket.socket | None:
    """Return a connection to a socket, or None where nobody listens.

    Raises BlockingIOError where that is not known: somebody listens, and is too busy.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(seconds)
    try:
        connection.connect(_address(directory, path))
    except OSError as error:
        connection.close()
        if error.errno in _NOBODY:
            return None
        raise BlockingIOError from None
    return connection


def _remove_all_dead(directory: int, path: Path) -> None:
    """Remove what crashed clients have left, as far as one look at ``_LEFTOVERS`` of them goes."""
    names = [name for name in os.listdir(directory) if _NAME.match(name)]
    for name in names[:_LEFTOVERS]:
        with suppress(OSError):
            if stat.S_ISSOCK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                _is_free(directory, path / name)


def _remove_dead(directory: int, path: Path) -> None:
    """Remove the socket of a process that is dead, unless another has taken its name meanwhile."""
    with locked(directory, tries=1) as alone:
        if alone:
            try:
                _is_free(directory, path)
            except OSError:
                pass  # it is gone, or in use


@contextmanager
def locked(directory: int, tries: int = _LOCK_TRIES) -> Iterator[bool]:
    """Hold the lock of a directory; False where somebody else held it for longer than is worth waiting for.

    It is held for the making or the removal of one file; a process that was stopped in the middle of that must not
    keep all others from starting.
    """
    lock = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        yield _lock(lock, tries)
    finally:
        os.close(lock)


def _lock(descriptor: int, tries: int) -> bool:
    for left in reversed(range(tries)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            if left:
                time.sleep(_LOCK_STEP)
    return False


def _address(directory: int, path: Path) -> str:
    """Return the address of a socket, through the descriptor of its directory where the system can do that.

    It is the same directory then whatever has become of its name, and its path may be of any length.
    """
    through = f"/proc/self/fd/{directory}"
    if os.path.isdir(through):
        return f"{through}/{path.name}"
    if len(os.fsencode(path)) > _PATH_LIMIT:
        raise OSError(0, f"the path is longer than {_PATH_LIMIT} bytes, which a socket cannot have")
    return str(path)
