"""``sellia tcp`` up to the client that it runs, which ``tests.e2e.test_tcp_command`` tries."""

from typing import Any

from sellia.cli import one_target
from sellia.cli.display import Display
from sellia.cli.exits import Exit
from sellia.client.persistence import Persistence
from tests.cli.case import CommandCase


class TcpTests(CommandCase):
    def test_help(self) -> None:
        shown = self.invoke("tcp", "--help")
        for option in (
            "--remote-port",
            "--proxy-protocol",
            "--allow",
            "--deny",
            "--idle-timeout",
            "--server",
            "--json",
        ):
            self.assertIn(option, shown)
        for option in ("--subdomain", "--auth", "--spa", "--request-timeout", "--kind"):
            self.assertNotIn(f"{option} ", shown)

    def test_wrong_settings(self) -> None:
        for arguments, said in (
            (["80x"], "TARGET: 80x is not a target"),
            ([], "it is not said what to expose"),
            (["./dist"], "TARGET: is served over HTTP, and this is a tcp tunnel"),
            (["22", "--remote-port", "0"], "--remote-port: must be greater than or equal to 1"),
            (["22", "--allow", "10.0.0.0/33"], "--allow: 10.0.0.0/33 is not an address or a network"),
            (["22", "--proxy-protocol", "3"], "--proxy-protocol: must be 1 or 2"),
        ):
            shown = self.invoke("tcp", *arguments, "--server", "http://x", status=Exit.SETTINGS)
            self.assertIn(said, shown)

    def test_all_flags(self) -> None:
        seen: list[Any] = []

        def run(settings: Any, display: Display, persistence: Persistence, **more: Any) -> int:
            seen.append((settings, display))
            return 7

        self.patch(one_target, "run_client", run)
        self.invoke(
            *("tcp", "[::1]:22", "--remote-port", "20017", "--proxy-protocol", "2", "--idle-timeout", "60"),
            *(
                "--allow",
                "10.0.0.0/8",
                "--allow",
                "::1,192.0.2.1",
                "--deny",
                "10.0.0.1",
                "--server",
                "http://localhost",
            ),
            "--json",
            status=7,
        )
        [(settings, display)] = seen
        (tunnel,) = settings.tunnels
        self.assertEqual((tunnel.kind, str(tunnel.routes[0].target), tunnel.wanted), ("tcp", "tcp://[::1]:22", "20017"))
        self.assertEqual((tunnel.proxy_protocol, tunnel.idle_timeout), (2, 60.0))
        self.assertEqual((tunnel.allow, tunnel.deny), (("10.0.0.0/8", "::1", "192.0.2.1"), ("10.0.0.1",)))
        self.assertTrue(display.as_json)
