"""Lines of exchanges, whatever an inspector tells of them."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.exchange_lines import exchange_lines

REQUEST: dict[str, Any] = {
    "id": "12",
    "kind": "http",
    "method": "GET",
    "target": "/x",
    "status": 200,
    "open": False,
    "started": 0.0,
    "seconds": 0.034,
    "response_bytes": 1229,
}


class ExchangeLineTests(SynchronousTestCase):
    def line(self, **differs: Any) -> str:
        [line] = exchange_lines({**REQUEST, **differs})
        self.assertRegex(line, r"^ {4}12  (\d\d:\d\d:\d\d|--:--:--)  ")
        return line[18:]

    def test_requests(self) -> None:
        self.assertEqual(self.line(), "GET     200  /x  34 ms  1.2 KiB")
        self.assertEqual(self.line(status=None, open=True, seconds=None), "GET     ...  /x  open  1.2 KiB")
        self.assertEqual(self.line(replay_of="3"), "GET     200  /x  34 ms  1.2 KiB  (replay of 3)")

    def test_websockets(self) -> None:
        messages = {"from_visitor": 2, "to_visitor": 1}
        self.assertEqual(
            self.line(kind="websocket", status=101, messages=messages), "WS      101  /x  34 ms  3 messages"
        )

    def test_the_line_beneath(self) -> None:
        cause = {"id": "9f-1", "who": "service", "what": "dropped", "sentence": "It died.", "remedy": "Start it."}
        [_, beneath] = exchange_lines({**REQUEST, "cause": cause})
        self.assertEqual(beneath, "        ↳ 9f-1  the service, dropped  It died. Start it.")

    def test_text_from_outside(self) -> None:
        """Nothing steers a terminal, and nothing that is missing or of another type is a traceback."""
        self.assertIn("/\\x1b[2J", self.line(target="/\x1b[2J"))
        self.line(started="then", seconds="long", response_bytes=None, method=None, status="x", messages=[])
        self.line(started=1e300)
