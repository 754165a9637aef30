"""``python -m demo``: what somebody sees who tries Sellia for the first time."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from demo.service import HISTORY, MAX_PEERS, MAX_TEXT, Room
from tests.e2e.stage import Reach, curl, node_argv, node_module, program, through_tunnel_only, wait_for_event
from tests.processes import Process, free_port, start_python, wait_until


class Peer:
    """Somebody in the chat, for the room's tests."""

    reading = True

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def sendMessage(self, payload: bytes) -> None:
        self.heard.append(json.loads(payload))

    def lines(self) -> list[str]:
        """What was said, as far as this peer heard it."""
        return [said["text"] for said in self.heard if said["kind"] == "line"]


class RoomTests(SynchronousTestCase):
    """The chat, without a network."""

    def setUp(self) -> None:
        self.room = Room(now=lambda: 12.5)
        self.one, self.two = Peer(), Peer()
        self.room.enter(self.one)

    def test_everybody_hears(self) -> None:
        """A line reaches its author and everybody else, with name and time."""
        self.room.enter(self.two)
        self.room.say(self.one, " hello ")
        line = {"kind": "line", "name": "guest 1", "text": "hello", "time": 12500}
        self.assertEqual((self.one.heard[-1], self.two.heard[-1]), (line, line))

    def test_who_comes_later_sees_what_was_said(self) -> None:
        """The last lines, and no more than `HISTORY`."""
        for number in range(HISTORY + 5):
            self.room.say(self.one, str(number))
        self.room.enter(self.two)
        self.assertEqual(self.two.lines(), [str(number) for number in range(5, HISTORY + 5)])

    def test_bounds(self) -> None:
        """A room is full at `MAX_PEERS`, a line ends at `MAX_TEXT`, nothing is not a line, strangers are not heard."""
        for _ in range(MAX_PEERS - 1):
            self.assertTrue(self.room.enter(Peer()))
        self.assertFalse(self.room.enter(self.two))
        self.room.say(self.two, "let me in")
        self.room.say(self.one, "   ")
        self.room.say(self.one, "x" * (MAX_TEXT + 1))
        self.assertEqual(self.one.lines(), ["x" * MAX_TEXT])

    def test_who_does_not_read_misses_it(self) -> None:
        """Nothing is kept for a peer that does not keep up, and the others are not held up."""
        self.room.enter(self.two)
        self.two.reading = False
        self.room.say(self.one, "gone by")
        self.two.reading = True
        self.room.say(self.one, "heard")
        self.assertEqual((self.one.lines(), self.two.lines()), (["gone by", "heard"], ["heard"]))

    def test_leaving(self) -> None:
        """The others are told how many are left; leaving twice is nothing."""
        self.room.enter(self.two)
        self.room.leave(self.two)
        self.room.leave(self.two)
        self.assertEqual([said for said in self.one.heard if said["kind"] == "here"][-1]["count"], 1)


class DemoTests(SynchronousTestCase):
    """The whole of it, through its own server and client."""

    def setUp(self) -> None:
        through_tunnel_only()

    def start(self, port: int) -> tuple[Process, Reach]:
        """Start the demo; it, and where it says that it is."""
        demo = start_python("-m", "demo", "--port", str(port), name="demo", port=port)
        self.addCleanup(demo.stop)
        said = demo.wait_for_line(r"^ +http://(demo\.localhost):(\d+)$", 40.0)
        return demo, Reach(int(said[2]), said[1])

    def browse(self, place: Reach, **wish: Any) -> Process:
        """A browser tab with the page."""
        node_module("playwright-core/package.json")
        argv = node_argv("browser.js", program("chromium"), place.url("/"), json.dumps(wish))
        tab = Process(argv, name="browser.js")
        self.addCleanup(tab.stop)
        return tab

    def test_page(self) -> None:
        """In two tabs: the echo is measured, the clock ticks, and what one tab says the other shows."""
        _, place = self.start(free_port())
        first = self.browse(place, selector="main", texts=["Event ", "of the last", "hello from the second tab"])
        wait_for_event(first, event="text", text="of the last")
        second = self.browse(place, selector="#chat-log", fill=[["#chat-input", "hello from the second tab"]])
        self.assertEqual((first.wait_for_exit(), second.wait_for_exit()), (0, 0))
        said = [json.loads(line) for line in first.output.splitlines()]
        self.assertEqual([event for event in said if event["event"] == "page-error"], [])
        sockets = {event["url"] for event in said if event["event"] == "socket"}
        self.assertEqual(sockets, {place.url("/echo", "ws"), place.url("/chat", "ws")})

    def test_curl_and_ctrl_c(self) -> None:
        """curl gets a friendly line, which the demo reports; Ctrl-C ends it and all that it started."""
        demo, place = self.start(free_port())
        self.assertIn(b"Hello through the tunnel", curl(place, "/").output)
        demo.wait_for_line(r"GET +/ ")
        children = child_pids(demo.pid)
        self.assertEqual(len(children), 3)
        demo.send_signal(signal.SIGINT)
        self.assertEqual(demo.wait_for_exit(), 0)
        self.assertIn("Stopped.", demo.output)
        self.assertNotIn("Traceback", demo.output)
        self.assertEqual([pid for pid in children if Path(f"/proc/{pid}").exists()], [])

    def test_port_in_use(self) -> None:
        """When its port is taken it says so and uses the next one that is free."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            demo, place = self.start(port)
            self.assertGreater(place.port, port)
            self.assertIn(f"Port {port} is taken", demo.output)

    def test_child_that_dies(self) -> None:
        """When one of the three ends, the demo says which, with its last words, and ends the others."""
        demo, _ = self.start(free_port())
        children = child_pids(demo.pid)
        os.kill(next(pid for pid in children if "demo.service" in command(pid)), signal.SIGKILL)
        self.assertEqual(demo.wait_for_exit(), 1)
        self.assertIn("The service ended by itself, with status -9. It said last:", demo.output)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), "the others to end")


def child_pids(pid: int) -> list[int]:
    """The processes that ``pid`` started and that still run."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def command(pid: int) -> str:
    """A process's command line."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
