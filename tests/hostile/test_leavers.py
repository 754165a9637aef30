"""Visitors who leave while nothing is read of them: their exchanges end, and so do those at the service."""

from __future__ import annotations

import json
import signal
import socket
import struct
import threading
import time

from tests.hostile import stage
from tests.hostile.case import HostileCase
from tests.hostile.ledger import Arrived
from tests.hostile.visitors import dial, get, post, talk
from tests.processes import Process, start_client, start_server, wait_until

NOTICED = 3.0
"""Seconds within which a visitor that is gone must be missed, where its kernel says so."""

UNTOLD = 12.0
"""The same where it does not, because what it has sent is not read."""


def silent(arrived: Arrived) -> None:
    """Say nothing."""
    arrived.wait_until_left()


def stream(arrived: Arrived) -> None:
    """Begin an answer in chunks, and say nothing more."""
    arrived.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
    arrived.wait_until_left()


class LeaverTests(HostileCase):
    """Each leaves in another state of its connection."""

    def noticed(self, target: str, *sent: bytes, wait_for: bytes = b"", within: float = NOTICED) -> None:
        """A visitor sends this and leaves, by a reset or in order: the service's side ends soon after."""

        def count() -> int:
            return len([each for each in stage.ledger().seen() if each.target == target.encode()])

        for reset in (False, True):
            gone = threading.Event()
            answer = stream if wait_for else silent

            def serve(arrived: Arrived, answer=answer, gone=gone) -> None:  # type: ignore[no-untyped-def]
                try:
                    answer(arrived)
                finally:
                    gone.set()

            stage.client()
            stage.ledger().on(target, serve)
            visitor = dial(stage.server().port)
            before = count()
            visitor.setblocking(True)
            for piece in sent:
                visitor.settimeout(0.5)
                try:
                    visitor.sendall(piece)
                except TimeoutError:
                    pass  # nothing is read any more, which was to be reached
            wait_until(lambda before=before: count() > before, f"another request for {target}")  # type: ignore[misc]
            visitor.settimeout(10)
            while wait_for and wait_for not in visitor.recv(65536):
                pass
            if reset:
                visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            start = time.monotonic()
            visitor.close()
            self.assertTrue(gone.wait(20), f"{target} is still held after 20 s")
            self.assertLess(time.monotonic() - start, within, f"{target}, reset: {reset}")

    def test_while_the_service_is_silent(self) -> None:
        self.noticed("/silent", get(b"/silent"))

    def test_in_a_stream(self) -> None:
        self.noticed("/stream", get(b"/stream"), wait_for=b"one")

    def test_with_another_request_behind_it(self) -> None:
        self.noticed("/silent-and-more", get(b"/silent-and-more") + get())

    def test_with_another_request_behind_a_stream(self) -> None:
        self.noticed("/stream-and-more", get(b"/stream-and-more"), get(), wait_for=b"one")

    def test_with_more_than_is_read_behind_it(self) -> None:
        self.noticed("/silent-and-much", get(b"/silent-and-much"), *[get() * 10_000] * 20, within=UNTOLD)

    def test_with_an_upload_that_the_service_does_not_read(self) -> None:
        start = post(b"", b"Content-Length: 100000000", target=b"/unread")
        self.noticed("/unread", start, *[b"x" * 1_000_000] * 40, within=UNTOLD)


class WaitingTests(HostileCase):
    """Visitors whose requests wait for a client that has lost its link."""

    def test_before_the_link_is_back(self) -> None:
        server = start_server()
        self.addCleanup(server.stop)
        client = start_client(server.port, stage.ledger().port, "demo")
        client.send_signal(signal.SIGKILL)
        client.wait_for_exit()
        wait_until(lambda: self.health(server, "links") == 0, "the link to be gone")
        for reset in (False, True):
            visitors = [dial(server.port) for _ in range(10)]
            for visitor in visitors:
                visitor.sendall(get() * 2)
                if reset:
                    visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wait_until(lambda: self.health(server, "streams") == 10, "their requests to wait")
            start = time.monotonic()
            for visitor in visitors:
                visitor.close()
            wait_until(lambda: self.health(server, "streams") == 0, "them to be missed")
            self.assertLess(time.monotonic() - start, NOTICED)

    def health(self, server: Process, name: str) -> int:
        [answer] = talk(server.port, (get(b"/health", host=b"localhost"),)).answers
        number: int = json.loads(answer.body)[name]
        return number
