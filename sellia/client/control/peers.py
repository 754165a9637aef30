"""Credentials of the process at the other end of a Unix socket, as the kernel knows them."""

import os
import socket
import struct
import sys
from typing import Final

#: ``struct ucred`` of Linux: process, user, group.
_UCRED: Final = struct.Struct("=iII")

#: ``struct xucred`` of macOS and the BSDs, as far as the user: version, user.
_XUCRED: Final = struct.Struct("=II")
_XUCRED_SIZE: Final = 76
_SOL_LOCAL: Final = 0
_LOCAL_PEERCRED: Final = 1


def peer_user(connection: socket.socket) -> int | None:
    """Return the user id of the peer's process, or None where this system does not tell.

    Raises OSError for a connection that is over.
    """
    told = _credentials(connection)
    if told is not None:
        return told[1]
    if sys.platform == "darwin" or "bsd" in sys.platform:
        local = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_SIZE)
        return int(_XUCRED.unpack_from(local)[1])
    return None


def peer_process(connection: socket.socket) -> int | None:
    """Return the process of the peer, as this process numbers them; None where that is not known."""
    try:
        told = _credentials(connection)
    except OSError:
        return None
    return (told[0] or None) if told is not None else None


def _credentials(connection: socket.socket) -> tuple[int, int] | None:
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    process, user, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, option, _UCRED.size))
    return process, user


def is_ours(connection: socket.socket) -> bool:
    """Return whether the peer's process belongs to this user.

    Where the system does not tell, the mode of the directory is what keeps others out.
    """
    try:
        user = peer_user(connection)
    except OSError:
        return False
    return user is None or user == os.geteuid()
