"""The rows of the status block, at several widths and heights."""

from textwrap import dedent

from hypothesis import given, settings, strategies
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.screen.layout import ASCII, SPARE, UNICODE, Glyphs, elapsed, rows
from sellia.cli.screen.status import Closing, LinkState, Status, View
from sellia.cli.texts import safe
from sellia.client.events import Connected, LinkLost, Reconnecting, UnderWay
from tests.cli.screen.stage import TARGET, URL, busy_status

TEXT = strategies.text(max_size=80)


def text(status: Status, width: int, height: int = 24, glyphs: Glyphs = UNICODE) -> str:
    """The block as it is shown 4 minutes after the start."""
    shown = rows(status, width, height, 240.0, glyphs)
    assert all(row.cell_len < width for row in shown), shown
    assert 1 <= len(shown) <= max(1, height - SPARE)
    return "\n".join(row.plain.rstrip() for row in shown)


class GoldenTests(SynchronousTestCase):
    maxDiff = None

    def check(self, shown: str, golden: str) -> None:
        self.assertTrue(shown.startswith("\n "), "an empty row, and a margin")
        self.assertEqual(dedent(shown).strip("\n"), dedent(golden).strip("\n"))

    def test_120_columns(self) -> None:
        status = busy_status()
        self.check(
            text(status, 120),
            """
             sellia  ● linked to tunnel.example.com · 12 ms · up 4 min
             myapp   https://myapp.tunnel.example.com → http://localhost:5173
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms · 1.0 MiB in, 32.4 MiB out
                     q QR   o open   c copy   p pause   ? help   Ctrl-C end
            """,
        )

    def test_80_columns(self) -> None:
        status = busy_status()
        self.check(
            text(status, 80),
            """
             sellia  ● linked to tunnel.example.com · 12 ms · up 4 min
             myapp   https://myapp.tunnel.example.com → http://localhost:5173
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms
                     1.0 MiB in, 32.4 MiB out
                     q QR   o open   c copy   p pause   ? help   Ctrl-C end
            """,
        )

    def test_60_columns(self) -> None:
        status = busy_status()
        self.check(
            text(status, 60),
            """
             sellia  ● linked to tunnel.example.com · 12 ms · up 4 min
             myapp   https://myapp.tunnel.example.com
                     → http://localhost:5173
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms
                     1.0 MiB in, 32.4 MiB out
                     q QR  o open  c copy  p pause  ? help  Ctrl-C end
            """,
        )

    def test_40_columns(self) -> None:
        status = busy_status()
        self.check(
            text(status, 40),
            """
             ● linked to tunnel.example.com
               12 ms · up 4 min
             https://myapp.tunnel.example.com
             → http://localhost:5173
             2 open · 1,234 in all · p50 12 ms
             p90 12 ms · 1.0 MiB in, 32.4 MiB out
             ? help  Ctrl-C end
            """,
        )

    def test_several_tunnels(self) -> None:
        status = busy_status()
        status.notify(Connected("api", "https://api.tunnel.example.com", "http://localhost:8000"))
        self.check(
            text(status, 80),
            """
             sellia  ● linked to tunnel.example.com · 12 ms · up 4 min
             myapp   https://myapp.tunnel.example.com → http://localhost:5173
             api     https://api.tunnel.example.com → http://localhost:8000
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms
                     1.0 MiB in, 32.4 MiB out
                     q QR   o open   c copy   p pause   ? help   Ctrl-C end
            """,
        )

    def test_several_tunnels_in_60_columns(self) -> None:
        status = busy_status()
        status.notify(Connected("api", "https://api.tunnel.example.com", "http://localhost:8000"))
        status.chosen = 1
        self.check(
            text(status, 60),
            """
             sellia  ● linked to tunnel.example.com · 12 ms · up 4 min
             myapp   https://myapp.tunnel.example.com
                     → http://localhost:5173
             api     https://api.tunnel.example.com
                     → http://localhost:8000
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms
                     1.0 MiB in, 32.4 MiB out
                     q QR  o open  c copy  p pause  ? help  Ctrl-C end
            """,
        )

    def test_paths(self) -> None:
        status = busy_status()
        routes = "/api=http://localhost:8000, /=http://localhost:5173, /docs=/srv/docs"
        status.notify(Connected("site", "https://site.tunnel.example.com", routes))
        status.notify(Connected("api", "https://api.tunnel.example.com", "http://localhost:8000"))
        self.check(
            text(status, 70),
            """
             sellia  ● linked to tunnel.example.com · 12 ms · up 4 min
             myapp   https://myapp.tunnel.example.com → http://localhost:5173
             site    https://site.tunnel.example.com
                     → /api=http://localhost:8000, /=http://localhost:5173
                       /docs=/srv/docs
             api     https://api.tunnel.example.com → http://localhost:8000
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms
                     1.0 MiB in, 32.4 MiB out
                     q QR   o open   c copy   p pause   ? help   Ctrl-C end
            """,
        )

    def test_a_port(self) -> None:
        """Its URL is none for a browser."""
        status = Status(server="tunnel.example.com", keys=True)
        status.notify(Connected("20017", "tcp://tunnel.example.com:20017", "tcp://localhost:5432"))
        self.check(
            text(status, 80),
            """
             sellia  ● linked to tunnel.example.com · up 4 min
             20017   tcp://tunnel.example.com:20017 → tcp://localhost:5432
             visits  0 open · 0 in all
                     q QR   c copy   p pause   ? help   Ctrl-C end
            """,
        )

    def test_no_link_yet(self) -> None:
        status = Status(server="tunnel.example.com", keys=True)
        status.notify(LinkLost("tunnel.example.com:443 refused the connection"))
        self.check(
            text(status, 80),
            """
             sellia  ● connecting to tunnel.example.com
                       tunnel.example.com:443 refused the connection
             visits  0 open · 0 in all
                     p pause   ? help   Ctrl-C end
            """,
        )

    def test_no_link(self) -> None:
        status = busy_status()
        status.notify(LinkLost("tunnel.example.com:443 refused the connection"))
        status.notify(Reconnecting(5.0, 120.0))
        self.check(
            text(status, 80),
            """
             sellia  ● no link for 5 s · visitors wait, 115 s more
                       tunnel.example.com:443 refused the connection
             myapp   https://myapp.tunnel.example.com → http://localhost:5173
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms
                     1.0 MiB in, 32.4 MiB out
                     q QR   o open   c copy   p pause   ? help   Ctrl-C end
            """,
        )

    def test_no_link_for_too_long(self) -> None:
        status = busy_status()
        status.notify(LinkLost("tunnel.example.com:443 refused the connection"))
        status.notify(Reconnecting(180.0, 0.0))
        self.check(
            text(status, 60),
            """
             sellia  ● no link for 3 min
                       tunnel.example.com:443 refused the connection
             myapp   https://myapp.tunnel.example.com
                     → http://localhost:5173
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms
                     1.0 MiB in, 32.4 MiB out
                     q QR  o open  c copy  p pause  ? help  Ctrl-C end
            """,
        )

    def test_stopping_server(self) -> None:
        status = busy_status()
        status.link = LinkState.STOPPING
        self.check(
            text(status, 80),
            """
             sellia  ● the server tunnel.example.com is stopping · 12 ms
             myapp   https://myapp.tunnel.example.com → http://localhost:5173
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms
                     1.0 MiB in, 32.4 MiB out
                     q QR   o open   c copy   p pause   ? help   Ctrl-C end
            """,
        )

    def test_closing(self) -> None:
        status = busy_status()
        status.closing, status.under_way = Closing(252.0), UnderWay(3, 2)
        self.check(
            text(status, 80),
            """
             sellia  ● closing: waits for 3 requests and 2 WebSockets · 12 s at most
                       Ctrl-C again ends at once
             myapp   https://myapp.tunnel.example.com → http://localhost:5173
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms
                     1.0 MiB in, 32.4 MiB out
            """,
        )

    def test_closing_in_60_columns(self) -> None:
        status = busy_status()
        status.closing, status.under_way = Closing(252.0), UnderWay(3, 2)
        self.check(
            text(status, 60),
            """
             sellia  ● closing: waits for 3 requests and 2 WebSockets
                       12 s at most · Ctrl-C again ends at once
             myapp   https://myapp.tunnel.example.com
                     → http://localhost:5173
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms
                     1.0 MiB in, 32.4 MiB out
            """,
        )

    def test_paused(self) -> None:
        status = busy_status()
        status.held = 12
        self.check(
            text(status, 80),
            """
             sellia  ● linked to tunnel.example.com · 12 ms · up 4 min
             myapp   https://myapp.tunnel.example.com → http://localhost:5173
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms
                     1.0 MiB in, 32.4 MiB out · paused, 12 lines held back
                     q QR   o open   c copy   p go on   ? help   Ctrl-C end
            """,
        )

    def test_help(self) -> None:
        status = busy_status()
        status.view = View.HELP
        self.check(
            text(status, 80),
            """
             sellia  ● linked to tunnel.example.com · 12 ms · up 4 min
             myapp   https://myapp.tunnel.example.com → http://localhost:5173
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms
                     1.0 MiB in, 32.4 MiB out
                     q       show the URL as a QR code
                     o       open the URL in a browser
                     c       copy the URL
                     p       pause the lines, and go on
                     Ctrl-Z  suspend; visitors wait until fg
                     Ctrl-C  end, once nothing is under way; twice: at once
                     ?       close this help
            """,
        )

    def test_answer_to_a_key(self) -> None:
        status = busy_status()
        status.notice = "Copied"
        self.check(
            text(status, 80),
            """
             sellia  ● linked to tunnel.example.com · 12 ms · up 4 min
             myapp   https://myapp.tunnel.example.com → http://localhost:5173
             visits  2 open · 1,234 in all · p50 12 ms · p90 12 ms
                     1.0 MiB in, 32.4 MiB out
                     Copied
            """,
        )


class RoomTests(SynchronousTestCase):
    """What is left where there is little room."""

    def test_every_width_and_height(self) -> None:
        """`text` checks the bounds; the URL is always there in full where it fits."""
        status = busy_status()
        status.notify(Connected("api", "https://api.tunnel.example.com", "http://localhost:8000"))
        for view in (View.STATUS, View.HELP):
            for width in (9, 20, 34, 40, 50, 60, 80, 200):
                for height in (1, 2, 4, 5, 6, 8, 10, 24):
                    status.view = view
                    shown = text(status, width, height)
                    if width >= 50 and height != 5:
                        self.assertIn(URL, shown)

    def test_one_row(self) -> None:
        status = busy_status()
        self.assertEqual(text(status, 80, 4), f" ● {URL}")
        status.notify(LinkLost("reset"))
        self.assertIn("no link for 0 s", text(status, 80, 4))

    def test_many_tunnels(self) -> None:
        status = Status(server="example.com")
        for number in range(256):
            status.notify(Connected(f"t{number}", f"https://t{number}.example.com", TARGET))
        shown = text(status, 80, 24).splitlines()
        self.assertEqual(len(shown), 24 - SPARE)
        self.assertIn("and 238 more", shown[-2])

    def test_long_names(self) -> None:
        status = Status(server="s" * 300)
        status.notify(Connected("n" * 63, f"https://{'n' * 63}.example.com", "/srv/" + "宽" * 100))
        for width in (20, 60, 80):
            self.assertIn("…", text(status, width))

    def test_wide_characters(self) -> None:
        status = Status(server="example.com")
        status.notify(Connected("demo", "https://demo.example.com", "/srv/" + "宽" * 14))
        self.assertEqual(len(text(status, 60).splitlines()), 5, "it is as wide as a target of 33 letters")

    def test_hostile_text(self) -> None:
        status = Status(server="a\x1b[2J\r\n")
        status.notify(Connected("b\x1b", "c\x1b[2J", "d\u202e\n"))
        status.notify(LinkLost("e\x07"))
        for each in text(status, 120).splitlines():
            self.assertTrue(each.isprintable(), repr(each))

    @settings(max_examples=60, deadline=None)
    @given(
        server=TEXT,
        tunnels=strategies.lists(strategies.tuples(TEXT, TEXT, TEXT), max_size=4),
        reason=TEXT,
        notice=TEXT,
        width=strategies.integers(1, 200),
        height=strategies.integers(1, 50),
        view=strategies.sampled_from([View.STATUS, View.HELP]),
        glyphs=strategies.sampled_from([UNICODE, ASCII]),
    )
    def test_whatever_comes(
        self,
        server: str,
        tunnels: list[tuple[str, str, str]],
        reason: str,
        notice: str,
        width: int,
        height: int,
        view: View,
        glyphs: Glyphs,
    ) -> None:
        """Rows that fit, without anything that a terminal acts on."""
        status = Status(server=server, notice=safe(notice), view=view, keys=True)
        for each in tunnels:
            status.notify(Connected(*each))
        if reason:
            status.notify(LinkLost(reason))
        for row in text(status, max(9, width), height, glyphs).splitlines():
            self.assertTrue(row.isprintable(), repr(row))

    def test_ascii(self) -> None:
        status = busy_status()
        status.notify(Connected("n" * 63, f"https://{'n' * 63}.example.com", TARGET))
        for width in (40, 60, 120):
            self.assertTrue(text(status, width, glyphs=ASCII).isascii(), text(status, width, glyphs=ASCII))


class ElapsedTests(SynchronousTestCase):
    def test_elapsed(self) -> None:
        for seconds, shown in (
            (-1.0, "0 s"),
            (59.9, "59 s"),
            (60.0, "1 min"),
            (7500.0, "2 h 5 min"),
            (1e6, "11 d 13 h"),
        ):
            self.assertEqual(elapsed(seconds), shown)
