"""
The programs of `tests.field` that install and run quickly: each directly, through the tunnel, and with link cuts.

Each is there for a fault that it once showed; ``make field`` plays all programs.
"""

from __future__ import annotations

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.field.__main__ import known
from tests.field.play import play


class FieldTests(SynchronousTestCase):
    def played(self, name: str) -> None:
        """Play a program; it is good, or cannot be installed."""
        result = play(known()[name])
        if result.verdict == "skipped":
            raise SkipTest(result.troubles[0])
        self.assertEqual(result.troubles, [], "\n".join(result.troubles))

    def test_bare_line_feeds(self) -> None:
        """The CGI answers of Python's http.server."""
        self.played("http-server")

    def test_login_of_a_connection(self) -> None:
        """NTLM: a login reaches nobody else."""
        self.played("express-ntlm")

    def test_pings_during_an_outage(self) -> None:
        """Pings both ways, given up sooner than the link is back."""
        self.played("uvicorn-pings")

    def test_close_codes_over_http_2(self) -> None:
        """HAProxy in front, RFC 8441: the close frame comes together with the end of the stream."""
        self.played("haproxy-h2")

    def test_webdav_behind_tls(self) -> None:
        """litmus against Apache: COPY and MOVE name the public URL."""
        self.played("litmus")

    def test_large_frames(self) -> None:
        """Bokeh: an array of 24 MiB in one frame."""
        self.played("bokeh")
