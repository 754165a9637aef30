"""Sockets, used beyond what Twisted's transports do by themselves: options, writes, and what the kernel tells."""

import select
import socket
import sys
from typing import Any, Final

from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.main import CONNECTION_DONE
from twisted.python.failure import Failure

#: Bytes that one read of a socket brings at most.  Less is read more often; but from 128 KiB on, the C library takes
#: the memory for each read from the system anew, which costs twenty microseconds even if a hundred bytes come.
READ: Final = 120 * 1024

#: Bytes that the kernel may hold unsent before the socket counts as full (TCP_NOTSENT_LOWAT).
UNSENT: Final = 128 * 1024

#: Bytes of data beside which a head is given to the system by itself: copying 120 KiB takes 7 us (11 us for a
#: ``sendmsg`` of both, 18 for a ``send`` of their sum); below this, the two cost the same.
GATHERED: Final = 16 * 1024

#: Seconds of silence before the kernel asks whether the peer is there, seconds between two such probes, and how many
#: may go unanswered: a peer that left without a word is noticed after two minutes.
PROBES: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}

#: What `hangup` tells: the peer is gone, or it sends nothing more.
GONE: Final = select.POLLERR | select.POLLHUP
ENDED: Final = getattr(select, "POLLRDHUP", 0x2000)


def quicken(transport: Any) -> None:
    """Set what a socket wants on which small messages must not wait, and large ones should not cost much.

    Also that the system finds out when a peer is gone that left without a word.  A unix socket has none of the options.
    """
    try:
        transport.bufferSize = READ
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
    except (AttributeError, OSError):
        return
    try:
        handle = transport.getHandle()
        if isinstance(handle, socket.socket):
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
            for name, value in PROBES.items():
                handle.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    except (AttributeError, OSError):
        pass


def write_now(transport: Any, data: bytes | memoryview, head: bytes = b"") -> None:
    """Write to a transport: straight to the socket if nothing waits in the transport, else behind what does.

    Twisted's ``write`` always waits for the reactor to say that the socket is ready.  A TLS transport, and any other
    that is not a plain descriptor, is written to in the ordinary way.  ``head`` goes in front of ``data``: beside much
    data it is given to the system by itself, so that a parcel is not copied to have it in front.
    """
    if head and len(data) < GATHERED:
        data = head + data
        head = b""
    if (
        isinstance(transport, FileDescriptor)
        and transport.connected
        and not transport.dataBuffer
        and not transport._tempDataLen
        and not transport.disconnecting
    ):
        handle = transport.socket  # type: ignore[attr-defined]  # only those without a socket lack it
        try:
            sent = handle.sendmsg((head, data)) if head else handle.send(data)
        except OSError:  # full, or broken: the transport finds out which, and knows what to do about it
            sent = 0
        if sent == len(head) + len(data):
            return
        if sent:
            data = data[max(0, sent - len(head)) :]
            head = head[sent:]
    transport.write(head + data if head else bytes(data))


def unsent(transport: Any) -> int:
    """Return how many bytes wait in a transport, as far as it tells; the kernel's do not count."""
    if not isinstance(transport, FileDescriptor):
        transport = getattr(transport, "transport", None)  # that of TLS has the socket's below it
        if not isinstance(transport, FileDescriptor):
            return 0
    return len(transport.dataBuffer) - transport.offset + transport._tempDataLen


def hangup(transport: Any) -> int:
    """Return what the kernel knows of the peer's end, as bits of ``GONE`` and ``ENDED``, also while nothing is read.

    A peer that has closed its socket looks like one that sends nothing more, until it is written to.
    """
    if not isinstance(transport, FileDescriptor):
        transport = getattr(transport, "transport", None)  # that of TLS has the socket's below it
        if not isinstance(transport, FileDescriptor):
            return 0
    number = transport.fileno()
    if number < 0:
        return 0
    poll = select.poll()
    poll.register(number, ENDED)
    return sum(event for _, event in poll.poll(0))


def how_lost(reason: Failure) -> str:
    """Return how a connection was lost, in our words; empty where this end has cut it."""
    if reason.check(ConnectionDone) is not None:
        return "it ended in order, with FIN"
    # Twisted does not tell a reset from a connection on which nothing was acknowledged for too long
    return "it broke off, as after a reset" if reason.check(ConnectionLost) is not None else ""


def is_tls(transport: Any) -> bool:
    """Return whether a transport speaks TLS."""
    return hasattr(transport, "getPeerCertificate")


def half_close(transport: Any) -> bool:
    """Send the end of the connection behind what was written, and go on reading; False where that cannot be done.

    Over TLS it cannot: below the transport, the end would overtake what is not encrypted yet.
    """
    if is_tls(transport) or not hasattr(transport, "loseWriteConnection"):
        return False
    transport.loseWriteConnection()
    return True


def lose(transport: Any) -> None:
    """End a connection whose peer has sent the end of its direction, for a protocol that has nothing more to say.

    One that speaks TLS is cut in the next turn: it may be TLS that calls, which needs it until the call returns.
    """
    if is_tls(transport):
        transport.abortConnection()
    else:
        transport.connectionLost(Failure(CONNECTION_DONE))


def quiet(transport: Any) -> bool:
    """Whether nothing waits to be read from a connection, and its other end has not closed it: one look at the socket.

    True for a transport without a socket, as tests have.  Of TLS the socket below is looked at.
    """
    handle = getattr(transport, "socket", None)
    if handle is None:
        handle = getattr(getattr(transport, "transport", None), "socket", None)
        if handle is None:
            return True
    number = handle.fileno()
    if number < 0:
        return False
    poll = select.poll()  # an attempt to read would end in an exception, whose making costs more than all of this
    poll.register(number, select.POLLIN)
    return not poll.poll(0)


#: Offset of ``tcpi_bytes_acked`` in the kernel's ``struct tcp_info``, and the size that holds it.
_BYTES_ACKED: Final = 120
_TCP_INFO_SIZE: Final = _BYTES_ACKED + 8


def bytes_acknowledged(transport: Any) -> int | None:
    """Bytes that the kernel of a connection's other end has acknowledged, or None where that cannot be told."""
    handle = getattr(transport, "socket", None)
    if not isinstance(handle, socket.socket) or handle.family == socket.AF_UNIX or not hasattr(socket, "TCP_INFO"):
        return None
    try:
        info = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    except OSError:
        return None
    return int.from_bytes(info[_BYTES_ACKED:], sys.byteorder) if len(info) == _TCP_INFO_SIZE else None
