"""Listeners of this machine, as the kernel's tables have them (Linux: ``/proc/self/net``).

A service that takes one connection, as ``nc -l`` does, must not lose it to a look, nor take the look for a visitor.
What is forwarded, as to a container, is not in the tables; who finds nobody in them has to connect to be sure.
"""

import os
import sys
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from sellia.relay.http.hosts import is_loopback
from sellia.targets import Target, TargetKind

#: Where the tables are.
TABLES: Final = "/proc/self/net"

#: Most bytes of a table of the kernel that are read.
TABLE_LIMIT: Final = 4 * 1024 * 1024

_LISTENING: Final = b"0A"  # TCP_LISTEN
_ACCEPTING: Final = 0x10000  # __SO_ACCEPTCON


def _spelled(address: IPv4Address | IPv6Address) -> bytes:
    """Return an address as the tables spell it: in words of this machine's byte order."""
    packed = address.packed
    words = [int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4)]
    return b"".join(b"%08X" % word for word in words)


#: Families and tables of the addresses of loopback, and the addresses as they stand there.
_LOOPBACK: Final = (
    (4, "tcp", _spelled(IPv4Address("127.0.0.1"))),
    (4, "tcp6", _spelled(IPv6Address("::ffff:127.0.0.1"))),
    (6, "tcp6", _spelled(IPv6Address("::1"))),
)


def listening(target: Target, tables: str = TABLES) -> bool:
    """Return whether the kernel's tables say that somebody listens; False where that is not known."""
    if target.kind is TargetKind.UNIX:
        return _listens_on_path(target.path, os.path.join(tables, "unix"))
    if target.kind is not TargetKind.ADDRESS or not is_loopback(target.host):
        return False
    named = target.host == "localhost" or target.host.endswith(".localhost")
    version = 0 if named else ip_address(target.host).version
    port = b":%04X" % target.port
    return any(
        _listens_on_port(address + port, os.path.join(tables, table))
        for family, table, address in _LOOPBACK
        if version in (0, family)
    )


def _listens_on_port(place: bytes, table: str) -> bool:
    """Return whether somebody listens there, or at that port of all addresses."""
    everywhere = b"0" * place.index(b":") + place[place.index(b":") :]
    for line in _lines(table):
        fields = line.split(None, 4)
        if len(fields) > 3 and fields[3] == _LISTENING and fields[1] in (place, everywhere):
            return True
    return False


def _listens_on_path(path: str, table: str) -> bool:
    name = os.fsencode(path)
    for line in _lines(table):
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[7].rstrip(b"\n") == name:
            try:
                if int(fields[3], 16) & _ACCEPTING:
                    return True
            except ValueError:
                continue
    return False


def _lines(table: str) -> list[bytes]:
    try:
        with open(table, "rb") as file:
            return file.read(TABLE_LIMIT).splitlines()
    except OSError:
        return []
