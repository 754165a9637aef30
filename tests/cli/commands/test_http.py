"""``sellia http`` up to the client that it runs, which ``tests.e2e.test_startup`` tries."""

import os
from typing import Any

from sellia.cli import one_target
from sellia.cli.display import Display
from sellia.cli.exits import Exit
from sellia.client.persistence import Persistence
from tests.cli.case import CommandCase


class HttpTests(CommandCase):
    def test_help(self) -> None:
        shown = self.invoke("http", "--help")
        for option in ("--subdomain", "--server", "--api-key", "--auth", "--config"):
            self.assertIn(option, shown)

    def test_wrong_setting(self) -> None:
        shown = self.invoke("http", "80x", "--server", "http://x", status=Exit.SETTINGS)
        self.assertEqual(shown.splitlines()[0], "Error: TARGET: 80x is not a target")
        self.assertTrue(shown.splitlines()[1].startswith("Hint: "))
        shown = self.invoke("http", "--server", "http://x", status=Exit.SETTINGS)
        self.assertIn("what to expose", shown)

    def test_no_target_beside_a_settings_file(self) -> None:
        """Its tunnels are not opened by a command that is about one of its own."""
        directory = self.mktemp()
        os.makedirs(directory)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(directory)
        with open("sellia.yaml", "w", encoding="utf-8") as file:
            file.write("server: http://localhost:1\ntunnels: {web: {target: 8080}}\n")
        for kind in ("http", "tcp", "udp", "tls"):
            shown = self.invoke(kind, status=Exit.SETTINGS)
            self.assertIn("TARGET: it is not said what to expose", shown)
            self.assertIn(f"as in `sellia {kind} ", shown)
            self.assertIn("The tunnels of sellia.yaml are listed and opened by `sellia start`.", shown)

    def test_paths(self) -> None:
        for targets, line in (
            (("80", "81"), "Error: TARGET: two targets are for the path /"),
            (("/=80", "/api=dist"), "Error: TARGET: dist is not a target"),
            (("/a/../b=80",), "Error: TARGET: /a/../b is not a path"),
            (("/a=80", "/a/=81"), "Error: TARGET: /a is there twice"),
            (("/a=http://me:hunter2@x",), "Error: TARGET: is not the address of a service"),
        ):
            shown = self.invoke("http", *targets, "--server", "http://x", status=Exit.SETTINGS)
            self.assertEqual(shown.splitlines()[0], line)
            self.assertNotIn("hunter2", shown)

    def test_wrong_proxy(self) -> None:
        """Of its URL nothing is repeated."""
        url = "socks5://me:secret@proxy:1080"
        wrong = self.invoke("http", "80", "--server", "https://x", "--proxy", url, status=Exit.SETTINGS)
        self.assertIn("--proxy: is a SOCKS proxy (socks5), and only HTTP proxies are spoken to", wrong)
        self.assertNotIn("secret", wrong)
        self.patch(os, "environ", {**os.environ, "https_proxy": url})
        wrong = self.invoke("http", "80", "--server", "https://x", status=Exit.SETTINGS)
        self.assertIn("https_proxy: is a SOCKS proxy", wrong)
        self.assertNotIn("secret", wrong)

    def test_wrong_connect_timeout(self) -> None:
        for text in ("0", "-1", "soon", "inf"):
            said = self.invoke("http", "80", "--server", "http://x", f"--connect-timeout={text}", status=Exit.USAGE)
            self.assertIn(f"'{text}' is not a number of seconds above 0", said)

    def test_all_flags(self) -> None:
        seen: list[Any] = []

        def run(settings: Any, display: Display, persistence: Persistence, **more: Any) -> int:
            self.assertEqual(display, Display(verbose=2))
            self.assertEqual(persistence, Persistence(False, 12.5))
            seen.append(settings)
            return 7

        self.patch(one_target, "run_client", run)
        self.invoke(
            *("http", "https://[::1]:8080", "-s", "myapp", "--server", "http://localhost:3000", "--api-key", "k"),
            *("--auth", "u:p", "--auth-preflight", "pass", "-vv", "--log-file", "x.log"),
            *("--log-level", "debug", "--no-forwarded", "--no-retry", "--connect-timeout", "12.5"),
            *("--proxy", "http://me:secret@proxy:3128"),
            status=7,
        )
        (settings,) = seen
        self.assertEqual((settings.log_file, settings.log_from), ("x.log", "--log-file"))
        self.assertEqual(settings.proxy.get_secret_value(), "http://me:secret@proxy:3128")
        (tunnel,) = settings.tunnels
        self.assertEqual((str(tunnel.routes[0].target), tunnel.subdomain), ("https://[::1]:8080", "myapp"))
        self.assertEqual(tunnel.options.auth_preflight, "pass")
        self.assertEqual(tunnel.auth.get_secret_value(), "u:p")
        self.assertEqual((settings.log_level, tunnel.options.forwarded), ("debug", False))
        self.assertEqual((settings.server, settings.api_key.get_secret_value()), ("http://localhost:3000", "k"))
