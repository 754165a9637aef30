"""A link that is away for many times as long as services and visitors wait for their pongs; and what visitors are told.

The `websockets` library pings every 20 s and waits 20 s for each pong, as uvicorn does; here everything is forty times
as quick, Sellia's own times as well.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import websockets

from tests.chaos.proxy import FaultProxy
from tests.e2e.case import EndToEndTests, watched
from tests.e2e.recorder import Recorder
from tests.e2e.stage import through_tunnel_only
from tests.processes import Process, start_client, start_server, start_twistd, wait_until

PING_INTERVAL = PING_TIMEOUT = 0.5
"""Seconds between the pings of visitor and service, and until their pongs must be there."""

LINK = {"ping_interval": 0.1, "ping_timeout": 0.35}
"""Seconds after which Sellia's ends ping their link, and give it up."""

AWAY = 3.0
"""Seconds of the outage."""


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, call: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


class OutageCase(EndToEndTests):
    server_settings: dict[str, Any] = {}
    client_settings: dict[str, Any] = {}

    def start(self, service_port: int) -> None:
        """A server, a proxy before it that can be silent, and a client."""
        through_tunnel_only()
        self.server = self.ended(start_server("--config", self.config(**LINK, **self.server_settings)))
        self.proxy = FaultProxy(self.server.port)
        self.addCleanup(self.proxy.close)
        config = self.config(**self.client_settings)
        self.client = self.ended(start_client(self.proxy.port, service_port, "demo", "--config", config))
        self.addCleanup(self.proxy.heal)  # or both would wait for the link when they are told to end

    def config(self, **settings: Any) -> str:
        path = Path(tempfile.mkdtemp()) / "settings.yaml"
        path.write_text(json.dumps(settings))
        return str(path)

    def ended(self, process: Process) -> Process:
        self.addCleanup(process.stop)
        return watched(process)

    def away(self) -> Callable[[], None]:
        """The network swallows everything; returns what ends that, when both ends have noticed."""
        self.proxy.blackhole()
        for process in (self.server, self.client):
            process.wait_for(lambda process=process: "link lost: " in process.output, "the loss to be noticed")  # type: ignore[misc]
        return self.proxy.heal


class PingCase(OutageCase):
    def setUp(self) -> None:
        self.loop = Loop()
        self.addCleanup(self.loop.close)
        self.received: list[str] = []
        self.closed: list[Exception] = []
        pings: dict[str, Any] = {"ping_interval": PING_INTERVAL, "ping_timeout": PING_TIMEOUT, "close_timeout": 0.5}
        listening = self.loop.run(self.listen(pings))
        self.addCleanup(lambda: self.loop.run(self.stop(listening)))
        self.start(listening.sockets[0].getsockname()[1])
        self.visitor = self.loop.run(self.visit(pings))
        self.addCleanup(lambda: self.loop.run(self.visitor.close()))

    async def listen(self, pings: dict[str, Any]) -> Any:
        return await websockets.serve(self.serve, "127.0.0.1", 0, **pings)

    async def stop(self, listening: Any) -> None:
        listening.close()

    async def serve(self, connection: Any) -> None:
        """Answers each message with itself."""
        try:
            while True:
                message = await connection.recv()
                self.received.append(message)
                await connection.send(message)
        except websockets.ConnectionClosed as error:
            self.closed.append(error)

    async def visit(self, pings: dict[str, Any]) -> Any:
        host = f"demo.localhost:{self.server.port}"
        return await websockets.connect(
            f"ws://{host}/", host="127.0.0.1", port=self.server.port, proxy=None, compression=None, **pings
        )

    async def ask(self, message: str) -> str:
        await self.visitor.send(message)
        return str(await self.visitor.recv())


class AnsweredTests(PingCase):
    def test_both_hold(self) -> None:
        """Neither notices, and what was said meanwhile arrives."""
        self.assertEqual(self.loop.run(self.ask("before")), "before")
        heal = self.away()
        self.loop.run(self.visitor.send("meanwhile"))
        time.sleep(AWAY)
        self.assertEqual((self.closed, self.received), ([], ["before"]))
        heal()
        self.assertEqual(self.loop.run(self.wait_for_message()), "meanwhile")
        self.assertEqual(self.loop.run(self.ask("after")), "after")
        self.assertEqual(self.closed, [])
        for process in (self.server, self.client):
            told = process.wait_for_line(r"link back: .* ended=0 pings_answered=(\d+)")
            self.assertGreater(int(told[1]), AWAY / PING_INTERVAL / 2)

    async def wait_for_message(self) -> str:
        return str(await self.visitor.recv())


class NotAnsweredTests(PingCase):
    """Without it, both give up: so it is this that the test above shows."""

    client_settings = {"while_away_pings": False}

    def test_both_give_up(self) -> None:
        self.away()
        wait_until(lambda: self.closed, "the service to give up")
        with self.assertRaises(websockets.ConnectionClosed):
            self.loop.run(self.visitor.recv())


class NotByTheServerTests(NotAnsweredTests):
    server_settings = {"while_away_pings": False}
    client_settings = {}


class RequestCase(OutageCase):
    def setUp(self) -> None:
        self.recorder = Recorder()
        self.addCleanup(self.recorder.close)
        self.start(self.recorder.port)
        self.recorder.exchanges("/").clear()

    def ask(self, path: str = "/asked", timeout: float = 30) -> tuple[int, str | None, str | None]:
        """Status, word, and Retry-After of the answer to a new visitor."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=timeout)
        try:
            connection.request("GET", path, headers={"Host": f"demo.localhost:{self.server.port}"})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader("Sellia-Error"), answer.getheader("Retry-After")
        finally:
            connection.close()


class WaitingTests(RequestCase):
    server_settings = {"request_timeout": 1}

    def test_new_requests_wait(self) -> None:
        """For longer than a service may take."""
        heal = self.away()
        answers: list[Any] = []
        waiting = threading.Thread(target=lambda: answers.append(self.ask()), daemon=True)
        waiting.start()
        time.sleep(2)
        self.assertEqual(answers, [])
        heal()
        waiting.join(20)
        self.assertEqual(answers, [(200, None, None)])

    def test_goodbye(self) -> None:
        self.client.stop()
        self.assertEqual(self.ask(), (502, "client-gone", None))


class WindowTests(RequestCase):
    server_settings = {"request_timeout": 1, "resume_window": 3}

    def test_until_the_window_is_over(self) -> None:
        self.away()
        self.assertEqual(self.ask(), (502, "session-expired", None))
        self.assertEqual(self.ask(), (502, "session-expired", None), "at once")


class RefusingTests(RequestCase):
    client_settings = {"while_away": "refuse"}

    def test_new_requests_are_refused(self) -> None:
        heal = self.away()
        self.assertEqual(self.ask(), (503, "client-away", "5"))
        heal()
        self.client.wait_for_line("link back: ")
        self.assertEqual(self.ask(), (200, None, None))


class TimeoutTests(RequestCase):
    client_settings = {"request_timeout": 1}

    def test_whose_limit_it_was(self) -> None:
        self.recorder.on("/slow", lambda exchange: exchange.released.wait(20))
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        connection.request("GET", "/slow", headers={"Host": f"demo.localhost:{self.server.port}"})
        answer = connection.getresponse()
        said = answer.read().decode()
        connection.close()
        self.recorder.exchanges("/slow")[0].released.set()
        self.assertEqual(answer.status, 504)
        self.assertIn("within 1 s, the limit of this tunnel: its client sets --request-timeout", said)


class RefusedTests(RequestCase):
    def test_a_client_that_is_refused_leaves_no_session(self) -> None:
        arguments = ("--server", f"http://127.0.0.1:{self.server.port}", "--target", "1", "--subdomain", "demo")
        refused = self.ended(start_twistd("sellia-client", *arguments))
        self.assertEqual(refused.wait_for_exit(), 1)
        lines = self.server.output
        opened, over = lines.count("session opened: "), lines.count("session ended: ")
        self.assertEqual((opened, over), (2, 1))
        self.assertIn("the client said goodbye", lines)
