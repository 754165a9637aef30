"""The private site, and the way of a large file to a visitor who reads slowly."""

import errno
import os
import socket
import stat
from typing import Any

from twisted.internet import reactor

from sellia.client.local.dial import Dialer, ServiceSocket
from sellia.client.local.static.site import StaticSite
from sellia.errors import ProblemError
from sellia.targets import Target, TargetKind
from tests.client.local.static.case import Asker, StaticCase

TEXT = Target(TargetKind.TEXT, text="hello")


class SiteTests(StaticCase):
    async def test_nothing_listens(self) -> None:
        """There is no port and no path that another user of this machine could connect to."""
        before = _listening()
        site = StaticSite(reactor, TEXT)
        asker = Asker()
        site.connect(asker)
        self.assertEqual(_listening(), before)
        self.assertEqual(asker.transport.getHandle().family, socket.AF_UNIX)
        self.assertEqual(asker.transport.getHandle().getsockname(), "")
        asker.transport.abortConnection()
        await asker.lost

    async def test_one_request_after_the_other(self) -> None:
        site = StaticSite(reactor, TEXT)
        asker = Asker()
        site.connect(asker)
        asker.transport.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        asker.transport.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.assertEqual((await asker.lost).count(b"hello"), 3)

    async def test_bodies_are_not_kept(self) -> None:
        """Also not on the disk, where twisted.web would put a long one."""
        found = await self.get("/", TEXT, method=b"POST", body=b"x" * 300_000)
        self.assertEqual(found.body, b"hello")

    async def test_a_slow_reader_is_waited_for(self) -> None:
        """No more of a large file is read than the sockets hold."""
        size = 16 * 1024 * 1024
        path = self.write("big")
        os.truncate(path, size)
        site = StaticSite(reactor, self.target())
        asker = Asker()
        site.connect(asker)
        asker.transport.pauseProducing()
        asker.transport.write(b"GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        for _ in range(50):
            await _turn()
        read = _position_of(str(path))
        self.assertLess(read, 2 * 1024 * 1024)
        self.assertGreater(read, 0)
        asker.transport.resumeProducing()
        self.assertGreater(len(await asker.lost), size)

    async def test_a_reader_who_leaves(self) -> None:
        path = self.write("big")
        os.truncate(path, 16 * 1024 * 1024)
        site = StaticSite(reactor, self.target())
        asker = Asker()
        site.connect(asker)
        asker.transport.write(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        await _turn()
        asker.transport.abortConnection()
        await asker.lost
        await _turn()
        self.assertEqual(_position_of(str(path)), -1, "the file is closed")

    async def test_dialled_as_any_service(self) -> None:
        dialer = Dialer(reactor, TEXT, timeout=10.0)
        made = self.successResultOf(dialer.dial(Asker))
        assert isinstance(made, Asker)
        made.transport.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.assertIn(b"hello", await made.lost)

    def test_without_descriptors(self) -> None:
        dialer = Dialer(reactor, TEXT, timeout=10.0)
        dialer._site = NoSite()
        error = self.failureResultOf(dialer.dial(ServiceSocket), ProblemError).value
        self.assertEqual(error.problem.code, "service-unreachable")
        self.assertIn("no file descriptor left", error.detail)


class NoSite:
    """A site for which there is no descriptor."""

    def connect(self, protocol: Any) -> int:
        return errno.EMFILE


def _turn() -> Any:
    from twisted.internet.task import deferLater

    running: Any = reactor
    return deferLater(running, 0, lambda: None)


def _listening() -> set[int]:
    """Descriptors of this process that listen."""
    found = set()
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            mode = os.fstat(number).st_mode
        except OSError:  # that of the list itself
            continue
        if stat.S_ISSOCK(mode):
            with socket.socket(fileno=os.dup(number)) as each:
                if each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    found.add(number)
    return found


def _position_of(path: str) -> int:
    """How far a file has been read that this process has open; -1 where it has not."""
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{number}") == path:
                with open(f"/proc/self/fdinfo/{number}") as info:
                    return int(info.readline().split()[1])
        except OSError:
            continue
    return -1
