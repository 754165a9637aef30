"""WebSockets between Node's ``ws`` as the visitor and Node's ``ws`` as the service."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from tests.e2e.recorder import Recorder, ServiceLeg
from tests.e2e.stage import (
    DIRECT,
    Finished,
    Reach,
    curl,
    node_argv,
    reach,
    run,
    wait_for_event,
)
from tests.e2e.visits import Visit, VisitTests, service_port
from tests.e2e.websocket import accept_upgrade
from tests.processes import Process

MIB = 1 << 20


@cache
def place() -> Reach:
    """Where visitors find the service."""
    return reach(service_port(), "ws")


class NodeTests(VisitTests):
    """Visits of the place that this module shares."""

    def go(self, path: str, *steps: Sequence[Any], **how: Any) -> Visit:
        """Begin a visit there."""
        return self.visit(place(), path, *steps, **how)


class PlainTests(NodeTests):
    """The script that people type first."""

    def test_open_send_receive_close(self) -> None:
        """It connects, its message comes back, it disconnects, and it has no error to tell of."""
        finished: Finished = run(node_argv("plain.js", place().url("/echo", "ws")))
        expected = b"Connected\nReceived: Hello from test\nDisconnected\n"
        self.assertEqual((finished.status, finished.output, finished.errors), (0, expected, ""))


class HandshakeTests(NodeTests):
    """The service decides, and sees what the visitor asked."""

    def test_service_sees_the_request(self) -> None:
        """Query, cookies, credentials, origin and own headers reach the service as the visitor sent them."""
        headers = {"Cookie": "a=1; b=2", "Authorization": "Bearer t", "X-Mixed-Case": "Yes"}
        visit = self.go("/echo?q=%20a//b&empty=", ["close"], headers=headers, origin="https://page.example")
        seen = visit.served("upgrade")
        self.assertEqual(seen["url"], visit.path)
        self.assertEqual(seen["headers"]["host"], place().authority)
        self.assertEqual(seen["headers"]["origin"], "https://page.example")
        self.assertEqual(seen["headers"]["cookie"], "a=1; b=2")
        self.assertEqual(seen["headers"]["authorization"], "Bearer t")
        self.assertIn("X-Mixed-Case", seen["rawHeaders"])

    def test_headers_and_cookies_of_the_101(self) -> None:
        """What the service puts into its 101 is in the visitor's."""
        seen = self.go("/cookies", ["close"]).seen("upgrade")
        self.assertEqual(seen["headers"]["set-cookie"], ["a=1; Path=/", "b=2; HttpOnly"])
        self.assertEqual(seen["headers"]["x-service"], "here")

    def test_subprotocol_is_the_service_s_choice(self) -> None:
        """The service chooses the second of three, and the visitor is told that one."""
        visit = self.go("/second", ["close"], protocols=("one", "vite-hmr", "three"))
        self.assertEqual(visit.seen("open")["protocol"], "vite-hmr")
        self.assertEqual(visit.served("upgrade")["headers"]["sec-websocket-protocol"], "one,vite-hmr,three")

    def test_refusal_arrives_whole(self) -> None:
        """401 and 403 come with the service's own headers and body, not as a broken connection."""
        for status in (401, 403):
            seen = self.go(f"/refuse?status={status}").seen("refused")
            self.assertEqual((seen["status"], seen["body"]), (status, f"no, because {status}\n"))
            self.assertEqual(seen["headers"]["www-authenticate"], 'Bearer realm="service"')
            self.assertEqual(seen["headers"]["x-why"], "because")

    def test_no_101_before_the_service_s(self) -> None:
        """While the service hesitates the visitor waits; what it sends first of all comes through afterwards."""
        visit = self.go("/slow", ["await", "message"], ["close"])
        visit.served("upgrade")
        self.assertEqual(visit.visitor.output, "")
        curl(place(), f"/go?id={visit.id}")
        visit.seen("message", text="at last")

    def test_first_frames_right_behind_the_101(self) -> None:
        """Frames that leave the service in one write with its 101 arrive, all and in order."""
        for _ in range(5):
            visit = self.go("/greet", ["await", "message", 2], ["close"])
            visit.seen("close")
            self.assertEqual([message["text"] for message in visit.messages()], ["first", "second"])


class FrameTests(NodeTests):
    """Messages, as they were sent."""

    def test_text_binary_and_empty(self) -> None:
        """Each kind of message comes back as that kind, and in order."""
        steps: list[list[Any]] = [["text", "hé"], ["binary", 5], ["text", ""], ["await", "message", 3], ["close"]]
        visit = self.go("/echo", *steps)
        visit.seen("close", code=1005)
        kinds = [(message["binary"], message["length"]) for message in visit.messages()]
        self.assertEqual(kinds, [(False, 3), (True, 5), (False, 0)])

    def test_one_mebibyte(self) -> None:
        """Large binary messages come back whole, with and without compression."""
        for path, deflate in (("/echo", False), ("/deflate", True)):
            visit = self.go(path, ["binary", MIB], ["await", "message"], ["close"], perMessageDeflate=deflate)
            self.assertTrue(visit.seen("message", binary=True, length=MIB)["asSent"])

    def test_compression_is_agreed_end_to_end(self) -> None:
        """permessage-deflate is agreed when both ends want it, and only then."""
        text = "tunnel " * 1000
        for path, offered, agreed in (("/deflate", True, True), ("/deflate", False, False), ("/echo", True, False)):
            visit = self.go(path, ["text", text], ["await", "message"], ["close"], perMessageDeflate=offered)
            self.assertEqual("permessage-deflate" in visit.seen("open")["extensions"], agreed, (path, offered))
            self.assertEqual("permessage-deflate" in visit.served("open")["extensions"], agreed, (path, offered))
            visit.seen("message", length=len(text))

    def test_many_messages_keep_their_order(self) -> None:
        """A burst of numbered messages comes back in order, none missing."""
        burst = [["text", str(number)] for number in range(500)]
        visit = self.go("/echo", *burst, ["await", "message", 500], ["close"])
        visit.seen("close")
        self.assertEqual([message["text"] for message in visit.messages()], [str(number) for number in range(500)])

    def test_pings_end_to_end(self) -> None:
        """A visitor's ping reaches the service and the service's the visitor, each answered by the other end."""
        visit = self.go("/ping?payload=from-service", ["ping", "from-visitor"], ["text", "go"], ["await", "ping"])
        visit.served("ping", payload="from-visitor")
        visit.seen("pong", payload="from-visitor")
        visit.seen("ping", payload="from-service")
        visit.served("pong", payload="from-service")

    def test_fragments_stay_apart(self) -> None:
        """A message in three fragments reaches the service as those three frames, compression bits and all."""
        recorder = Recorder()
        self.addCleanup(recorder.close)
        frames: list[tuple[int, bytes]] = []

        def collect(exchange: ServiceLeg) -> None:
            accept_upgrade(exchange)
            while (frame := exchange.read_frame())[0] & 0x0F != 8:
                frames.append(frame)
            exchange.send(b"\x88\x02\x03\xe8")

        recorder.on("/raw", collect)
        target = reach(recorder.port, "raw").url("/raw", "ws")
        plan = {"steps": [["fragments", ["one", "", "three"]], ["ping", "p"], ["text", "whole"], ["close", 1000]]}
        with Process(node_argv("visitor.js", target, json.dumps(plan)), name="visitor.js") as visitor:
            wait_for_event(visitor, event="close", code=1000)
        self.assertEqual(frames, [(0x01, b"one"), (0x00, b""), (0x80, b"three"), (0x89, b"p"), (0x81, b"whole")])


class CloseTests(NodeTests):
    """How it ends is told as it was, both ways."""

    CODES = (1000, 1001, 1008, 1011, 3000, 4999)

    def test_visitor_closes(self) -> None:
        """The service sees the visitor's code and reason."""
        for code in self.CODES:
            visit = self.go("/echo", ["close", code, f"visitor says {code}"])
            self.assertEqual(visit.served("close")["code"], code)
            self.assertEqual(visit.served("close")["reason"], f"visitor says {code}")
            self.assertEqual(visit.seen("close")["code"], code)

    def test_service_closes(self) -> None:
        """The visitor sees the service's code and reason."""
        for code in self.CODES:
            visit = self.go(f"/close?code={code}&reason=service+says+{code}", ["text", "go"])
            seen = visit.seen("close")
            self.assertEqual((seen["code"], seen["reason"]), (code, f"service says {code}"))
            self.assertEqual(visit.served("close")["code"], code)

    def test_close_without_a_code(self) -> None:
        """An empty close frame stays one: 1005 on both sides, whoever closes."""
        self.assertEqual(self.go("/echo", ["close"]).served("close")["code"], 1005)
        self.assertEqual(self.go("/close", ["text", "go"]).seen("close")["code"], 1005)

    def test_visitor_vanishes(self) -> None:
        """A visitor who leaves without a close frame leaves the service without one: it sees 1006."""
        visit = self.go("/echo", ["text", "hello"], ["await", "message"], ["terminate"])
        self.assertEqual(visit.served("close")["code"], 1006)

    def test_service_drops_the_connection(self) -> None:
        """A service that ends without a close frame is never taken for one that closed."""
        visit = self.go("/terminate", ["text", "go"])
        self.assert_told_of_death(visit.seen("close"))

    def test_service_process_dies(self) -> None:
        """So is one that is killed."""
        doomed = Process(node_argv("service.js"), name="doomed service.js")
        self.addCleanup(doomed.stop)
        target = reach(wait_for_event(doomed, event="listening")["port"], "doomed").url("/echo", "ws")
        plan = {"steps": [["text", "hello"]]}
        with Process(node_argv("visitor.js", target, json.dumps(plan)), name="visitor.js") as visitor:
            wait_for_event(visitor, event="message")
            doomed.send_signal(9)
            self.assert_told_of_death(wait_for_event(visitor, event="close"))

    def assert_told_of_death(self, close: dict[str, Any]) -> None:
        """Directly connected it is 1006; through a tunnel, whose link still stands, 1011 with a reason."""
        if DIRECT:
            self.assertEqual(close["code"], 1006)
        else:
            self.assertEqual(close["code"], 1011)
            self.assertNotEqual(close["reason"], "")
