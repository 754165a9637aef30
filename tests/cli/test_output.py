"""The lines that a foreground client shows."""

import io

from rich.console import Console
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.event_lines import BENEATH, line
from sellia.cli.output import LinePrinter, Lines, plain, styled
from sellia.cli.texts import MARKS, SHOWN, duration, frames, safe, size
from sellia.client.events import (
    VISITOR_LEFT,
    Connected,
    ConnectionClosed,
    ConnectionOpened,
    Event,
    LinkBack,
    LinkLost,
    Problem,
    Reconnecting,
    Refused,
    RequestFinished,
    RequestRefused,
    RequestStarted,
    RequestWaiting,
    ResponseStreaming,
    ServerStopping,
    UnderWay,
    WebSocketClosed,
    WebSocketOpened,
    WebSocketRefused,
)
from sellia.transports.websocket.record import Side
from sellia.why.cause import Cause

HOSTILE = "a\x1b[2J\r\nb\u202e\x9b[red]\\"
HARMLESS = "a\\x1b[2J\\r\\nb\\u202e\\x9b[red]\\\\"


class LineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.screen = io.StringIO()
        self.console = Console(file=self.screen, width=40, highlight=False, emoji=False, markup=False)
        self.printer = LinePrinter(styled(self.console), lambda: 1_700_000_000.0)

    def shown(self, event: Event) -> str:
        """The one line of an event, without its time."""
        self.printer.notify(event)
        (line,) = self.screen.getvalue().splitlines()
        self.assertRegex(line, r"^\d\d:\d\d:\d\d  ")
        self.screen.truncate(0)
        self.screen.seek(0)
        return line[10:]

    def test_connected(self) -> None:
        shown = self.shown(Connected("demo", "http://demo.localhost:3000"))
        self.assertEqual(shown, "open    http://demo.localhost:3000  (tunnel demo)")

    def test_connections(self) -> None:
        shown = self.shown(ConnectionOpened(4, "203.0.113.7", "20017"))
        self.assertEqual(shown, "tcp open #4  from 203.0.113.7")
        shown = self.shown(ConnectionClosed(4, "203.0.113.7", "service", None, "", 100, 2048, 1.5, "20017"))
        self.assertEqual(shown, "tcp end  #4  ended by service  1.50 s  100 B in, 2.0 KiB out")
        shown = self.shown(ConnectionClosed(4, "203.0.113.7", "service", "service-died", HOSTILE, 0, 0, 1.5))
        self.assertEqual(shown, f"tcp end  #4  broken off by service: {HARMLESS}  1.50 s  0 B in, 0 B out")
        shown = self.shown(RequestRefused("20017", "", "", "203.0.113.7", 0, "forbidden", "No.", False, 3))
        self.assertEqual(shown, "tcp refused  by the server: forbidden: No.  from 203.0.113.7, and 3 more before it")

    def test_a_request_has_one_line(self) -> None:
        self.printer.notify(RequestStarted(1, "GET", "/", "1.2.3.4"))
        self.assertEqual(self.screen.getvalue(), "")
        shown = self.shown(RequestFinished(1, "GET", "/a?b=c", 200, 0.0123, 0, 123456, None))
        self.assertEqual(shown, "GET     /a?b=c  200  12 ms  0 B in, 120.6 KiB out")

    def test_request_that_takes_long(self) -> None:
        shown = self.shown(RequestWaiting(1, "GET", "/sync", "1.2.3.4", 10.0))
        self.assertEqual(shown, "GET     /sync  no answer for 10.00 s so far")
        shown = self.shown(ResponseStreaming(1, "GET", "/events", 200, 10.0, 1500))
        self.assertEqual(shown, "GET     /events  200  open for 10.00 s, 1.5 KiB out so far")

    def test_request_that_failed(self) -> None:
        shown = self.shown(RequestFinished(1, "POST", "/", None, 2.5, 10, 0, "the visitor left"))
        self.assertEqual(shown, "POST    /  ---  2.50 s  10 B in, 0 B out  the visitor left")

    def test_why_it_ended(self) -> None:
        """Stands beneath the line, in one, and says nothing again that the line has said."""
        for sentence, told in (("refused the connection.", "Start it."), (HOSTILE, f"{HARMLESS} Start it.")):
            cause = Cause("9f3a61c2-14", "service", "service-refused", sentence, "Start it.")
            self.printer.notify(RequestFinished(1, "GET", "/", 502, 0.0, 0, 0, "refused the connection.", cause=cause))
            _, beneath = self.screen.getvalue().splitlines()
            self.assertEqual(beneath, f"          ↳ 9f3a61c2-14  the service, service-refused  {told}")
            self.screen.truncate(0)
            self.screen.seek(0)

    def test_why_it_ended_is_short(self) -> None:
        cause = Cause("9f3a61c2-14", "unknown", "dropped", "x" * 1000)
        self.printer.notify(WebSocketClosed(7, "/", "visitor", None, "dropped", 0, 0, 0, 0, 1.0, cause=cause))
        _, beneath = self.screen.getvalue().splitlines()
        self.assertEqual(beneath, f"          ↳ 9f3a61c2-14  nobody knows who, dropped  {'x' * BENEATH}…")

    def test_a_visitor_who_left_is_told_in_one_line(self) -> None:
        cause = Cause("9f3a61c2-14", "visitor", "visitor-gone", "x")
        self.shown(RequestFinished(1, "GET", "/", None, 0.0, 0, 0, VISITOR_LEFT, cause=cause))

    def test_a_line_is_never_broken(self) -> None:
        """The console above is 40 columns wide."""
        self.assertIn("x" * 200, self.shown(RequestFinished(1, "GET", "/" + "x" * 200, 200, 1.0, 0, 0, None)))

    def test_web_socket_that_nobody_closed(self) -> None:
        dropped = "connection dropped without a close frame"
        sides: tuple[Side, ...] = ("visitor", "service")
        for by in sides:
            shown = self.shown(WebSocketClosed(7, "/ws", by, None, dropped, 0, 0, 0, 0, 0.5))
            self.assertTrue(shown.startswith(f"ws end  /ws #7  ended by {by}: {dropped}  500 ms"), shown)
        shown = self.shown(WebSocketClosed(7, "/ws", "sellia", None, "session-expired: no link", 0, 0, 0, 0, 0.5))
        self.assertTrue(shown.startswith("ws end  /ws #7  ended by Sellia: session-expired: no link  500 ms"), shown)

    def test_no_token_in_a_subprotocol(self) -> None:
        shown = self.shown(WebSocketOpened(7, "/ws", "::1", "bearer.eyJhbGciOiJIUzI1NiJ9.e30.x"))
        self.assertEqual(shown, "ws open /ws #7  speaks bearer.…  from ::1")

    def test_which_tunnel(self) -> None:
        """Where there is more than one, each line says which."""
        request = RequestFinished(1, "GET", "/", 200, 0.5, 0, 3, None, "demo")
        opened = self.shown(Connected("demo", "http://demo.localhost", "http://localhost:8080"))
        self.assertEqual(opened, "open    http://demo.localhost -> http://localhost:8080  (tunnel demo)")
        self.assertNotIn("tunnel", self.shown(request))
        self.shown(Connected("other", "http://other.localhost"))
        self.assertTrue(self.shown(request).endswith("3 B out  (tunnel demo)"))
        socket = WebSocketClosed(7, "/ws", "visitor", 1000, "", 0, 0, 0, 0, 0.5, "other")
        self.assertTrue(self.shown(socket).endswith("  (tunnel other)"))

    def test_a_visitor_who_leaves(self) -> None:
        """Seeking in a video breaks off responses: nothing is wrong.  A service that breaks one off is."""
        left = list(line(RequestFinished(1, "GET", "/v.mp4", 206, 0.5, 0, 3, VISITOR_LEFT)))
        self.assertNotIn("red", [style for _, style in left])
        self.assertEqual(left[-1], (f"  {VISITOR_LEFT}", "dim"))
        self.assertNotIn(
            "red", [style for _, style in line(RequestFinished(1, "GET", "/", None, 1, 0, 0, VISITOR_LEFT))]
        )
        died = self.shown(RequestFinished(1, "GET", "/file", 200, 0.5, 0, 3, "localhost:1 ended the connection."))
        self.assertTrue(died.endswith("3 B out, broken off  localhost:1 ended the connection."), died)

    def test_an_upgrade_that_does_not_pass(self) -> None:
        shown = self.shown(RequestFinished(1, "GET", "/", 200, 0.5, 0, 3, None, "demo", "h2c"))
        why = "only WebSocket passes, and what the tunnel lists"
        self.assertTrue(shown.endswith(f"3 B out  without its Upgrade to h2c: {why}"), shown)

    def test_refused_by_the_server(self) -> None:
        hook = RequestRefused("demo", "POST", "/hook", "1.2.3.4", 401, "unauthorized", "No password.", False, 12)
        told = "refused by the server: unauthorized: No password.  from 1.2.3.4"
        self.assertEqual(self.shown(hook), f"POST    /hook  401  {told}, and 12 more before it")
        socket = RequestRefused("demo", "GET", "/ws", "1.2.3.4", 401, "unauthorized", "No password.", True, 0)
        self.assertEqual(self.shown(socket), f"ws refused  /ws  401  {told}")

    def test_web_socket(self) -> None:
        self.assertEqual(
            self.shown(WebSocketOpened(7, "/ws", "1.2.3.4", "vite-hmr")),
            "ws open /ws #7  speaks vite-hmr  from 1.2.3.4",
        )
        self.assertEqual(self.shown(WebSocketOpened(7, "/ws", "::1", None)), "ws open /ws #7  from ::1")
        self.assertEqual(self.shown(WebSocketRefused(8, "/ws", 403)), "ws refused  /ws #8  answered with 403")
        told = self.shown(WebSocketRefused(8, "/ws", 502, "localhost:1 refused the connection."))
        self.assertEqual(told, "ws refused  /ws #8  answered with 502  localhost:1 refused the connection.")
        self.assertEqual(
            self.shown(WebSocketClosed(7, "/ws", "visitor", 1000, "bye", 1, 2, 3, 4096, 61.0)),
            "ws end  /ws #7  closed by visitor with 1000 (bye)  1 min 1 s  1 frame, 2 B in, 3 frames, 4.0 KiB out",
        )
        self.assertEqual(
            self.shown(WebSocketClosed(7, "/ws", "service", None, "", 0, 0, 0, 0, 0.5)),
            "ws end  /ws #7  closed by service without a code  500 ms  0 frames, 0 B in, 0 frames, 0 B out",
        )

    def test_link(self) -> None:
        self.shown(Connected("demo", "http://demo.localhost"))
        self.assertEqual(self.shown(LinkLost("reset")), "lost    the link to the server: reset; trying to get it back")
        self.shown(Connected("demo", "http://demo.localhost"))
        self.assertEqual(self.shown(LinkBack(3.0, 1, True)), "back    after 3.00 s and 1 attempt: nothing was lost")
        for ended, said in ((1, "1 connection"), (2, "2 connections")):
            shown = self.shown(LinkBack(3.0, 1, True, ended=ended))
            self.assertEqual(shown, f"back    after 3.00 s and 1 attempt: {said} ended meanwhile, all others go on")
        self.assertEqual(
            self.shown(LinkBack(130.0, 4, False)),
            "back    after 2 min 10 s and 4 attempts: what was under way has ended",
        )
        self.assertEqual(
            self.shown(LinkBack(3.0, 1, True, 2, 2048)),
            "back    after 3.00 s and 1 attempt: nothing was lost, 2 messages (2.0 KiB) sent again",
        )

    def test_attempts_that_fail(self) -> None:
        """Before there was a link, and after one was lost, nothing is lost by another that can't be made."""
        told = "no link to the server yet: Connection refused; trying again"
        self.assertEqual(self.shown(LinkLost("Connection refused")), told)
        self.assertEqual(self.shown(LinkBack(0.25, 3, False)), "linked  to the server after 250 ms and 3 attempts")
        self.shown(Connected("demo", "http://demo.localhost"))
        self.assertTrue(self.shown(LinkLost("reset")).startswith("lost "))
        self.assertEqual(self.shown(LinkLost("Connection refused")), told.replace(" yet", ""))
        self.shown(LinkBack(3.0, 1, True))
        self.assertTrue(self.shown(LinkLost("reset")).startswith("lost "))

    def test_server_stops(self) -> None:
        self.assertEqual(
            self.shown(ServerStopping(30.0)), "notice  the server stops within 30.00 s; the client will connect again"
        )

    def test_reconnecting_is_told_once_where_lines_are_kept(self) -> None:
        """And once more when the visitors have been let go; after each loss anew."""
        told: tuple[Event, ...] = (
            *(Reconnecting(float(seconds), 120.0) for seconds in (1, 2, 119)),
            *(Reconnecting(float(seconds), 0.0) for seconds in (120, 121)),
            LinkBack(122.0, 9, False),
            Reconnecting(1.0, 120.0),
        )
        for event in told:
            self.printer.notify(event)
        self.assertEqual(
            [line[10:] for line in self.screen.getvalue().splitlines() if "reconnecting" in line],
            [
                "wait    reconnecting (1 s of 120 s), visitors wait if the server still runs",
                "wait    reconnecting, no visitor is waiting any more (120 s)",
                "wait    reconnecting (1 s of 120 s), visitors wait if the server still runs",
            ],
        )

    def test_refused_says_what_to_do(self) -> None:
        shown = self.shown(Refused("wrong-key", "The key is wrong.", True))
        self.assertTrue(shown.startswith("refused wrong-key: The key is wrong. Check the key"), shown)
        shown = self.shown(Refused("new-word", "No.", False))
        self.assertEqual(shown, "refused new-word: No. Trying again.")

    def test_problem(self) -> None:
        self.assertEqual(self.shown(Problem("The clock is wrong.")), "problem The clock is wrong.")
        self.assertEqual(self.shown(Problem("Mind the gap.", caution=True)), "caution Mind the gap.")

    def test_nothing_from_outside_steers_the_terminal(self) -> None:
        for event in (
            Connected(HOSTILE, HOSTILE),
            RequestFinished(1, HOSTILE, HOSTILE, 200, 1.0, 0, 0, HOSTILE),
            WebSocketOpened(1, HOSTILE, HOSTILE, HOSTILE),
            WebSocketRefused(1, HOSTILE, 403, HOSTILE),
            WebSocketClosed(1, HOSTILE, "visitor", 1000, HOSTILE, 0, 0, 0, 0, 0.0),
            LinkLost(HOSTILE),
            Refused(HOSTILE, HOSTILE, True),
            Problem(HOSTILE),
        ):
            shown = self.shown(event)
            self.assertIn(HARMLESS, shown)
            self.assertTrue(shown.isprintable(), repr(shown))

    def test_say(self) -> None:
        self.printer.say("done \x1b")
        self.assertEqual(self.screen.getvalue(), "done \\x1b\n")

    def test_quiet(self) -> None:
        """What visitors do is left out, and what goes wrong is not."""
        printer = LinePrinter(styled(self.console), lambda: 1_700_000_000.0, quiet=True)
        printer.inspector = "http://127.0.0.1:4040/"
        printer.notify(Connected("demo", "http://x"))
        printer.notify(RequestFinished(1, "GET", "/", 500, 1.0, 0, 0, None))
        printer.notify(WebSocketRefused(1, "/", 403))
        printer.closing(UnderWay(), 30.0)
        self.assertEqual(self.screen.getvalue(), "")
        for event in (LinkLost("reset"), LinkBack(1.0, 1, True), Problem("The clock is wrong."), ServerStopping(3.0)):
            printer.notify(event)
        self.assertEqual(len(self.screen.getvalue().splitlines()), 4)

    def test_urls(self) -> None:
        """Each is printed once, alone; and its line as well, elsewhere."""
        urls = io.StringIO()
        printer = LinePrinter(styled(self.console), lambda: 1_700_000_000.0, urls=urls)
        for url in ("http://a.example", "http://b.example", "http://a.example"):
            printer.notify(Connected("demo", url, "http://localhost:1"))
        self.assertEqual(urls.getvalue(), "http://a.example\nhttp://b.example\n")
        self.assertEqual(self.screen.getvalue().count("  open    http://"), 3)

    def test_live(self) -> None:
        """Beside a status block, which shows that there is no link, and names the tunnels."""
        lines = Lines(lambda: 1_700_000_000.0, live=True)
        self.assertIsNone(lines.of(Reconnecting(1.0, 120.0)))
        pieces = lines.of(Connected("demo", "http://x", "http://localhost:1"))
        assert pieces is not None
        text = "".join(text for text, style in pieces)
        self.assertTrue(text.endswith("  open    http://x -> http://localhost:1"), text)

    def test_a_client_that_does_not_try_again(self) -> None:
        lines = Lines(lambda: 1_700_000_000.0, retries=False)
        told = []
        for event in (LinkLost("no route"), Connected("demo", "http://x"), LinkLost("reset")):
            pieces = lines.of(event)
            assert pieces is not None
            told.append("".join(text for text, style in pieces)[10:])
        self.assertEqual(
            (told[0], told[2]), ("no link to the server yet: no route", "lost    the link to the server: reset")
        )

    def test_closing(self) -> None:
        self.printer.closing(UnderWay(), 30.0)
        self.printer.closing(UnderWay(1, 0, 3), 30.0)
        told = "Closing: waits for 1 request and 3 connections, 30 s at most. Ctrl-C again ends at once."
        self.assertEqual(self.screen.getvalue().splitlines(), ["Closing.", told])

    def test_colours_on_a_terminal_only(self) -> None:
        console = Console(file=self.screen, force_terminal=True, color_system="standard", highlight=False)
        LinePrinter(styled(console)).notify(Connected("demo", "http://x"))
        self.assertIn("\x1b[32m", self.screen.getvalue())

    def test_without_colours(self) -> None:
        """What is written without rich is what rich writes where there is no terminal."""
        screen = io.StringIO()
        events = (Connected("demo", "http://x"), Problem("h\xe9\x1b[1m [b] :smile:\t" + "x" * 200), LinkLost("reset"))
        for write in (styled(self.console), plain(screen)):
            printer = LinePrinter(write, lambda: 1_700_000_000.0)
            for event in events:
                printer.notify(event)
        self.assertEqual(screen.getvalue(), self.screen.getvalue())
        self.assertEqual(screen.getvalue().count("\n"), 3)


class TextTests(SynchronousTestCase):
    def test_safe(self) -> None:
        self.assertEqual(safe(HOSTILE), HARMLESS)
        self.assertEqual(safe("Grüße ✓ 日本"), "Grüße ✓ 日本")

    def test_marks_that_are_stacked(self) -> None:
        self.assertEqual(safe("e\u0301\u0302 क्षि"), "e\u0301\u0302 क्षि")
        self.assertEqual(safe("e" + "\u0301" * (MARKS + 2)), "e" + "\u0301" * MARKS + "\\u0301" * 2)

    def test_long_texts_are_cut(self) -> None:
        self.assertEqual(safe("x" * SHOWN), "x" * SHOWN)
        self.assertEqual(safe("x" * (SHOWN + 1)), "x" * SHOWN + "…")

    def test_size(self) -> None:
        for octets, text in (
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1024**2 - 1, "1.0 MiB"),
            (10 * 1024**3, "10.0 GiB"),
            (3 * 1024**4, "3.0 TiB"),
        ):
            self.assertEqual(size(octets), text)

    def test_duration(self) -> None:
        for seconds, text in (
            (0.0, "0.0 ms"),
            (0.00042, "0.4 ms"),
            (0.035, "35 ms"),
            (0.9996, "1.00 s"),
            (59.99, "59.99 s"),
            (59.999, "1 min 0 s"),
            (3599.7, "60 min 0 s"),
            (7500, "2 h 5 min"),
        ):
            self.assertEqual(duration(seconds).replace("1 h 0 min", "60 min 0 s"), text)

    def test_frames(self) -> None:
        self.assertEqual((frames(1, 5), frames(2, 2048)), ("1 frame, 5 B", "2 frames, 2.0 KiB"))
