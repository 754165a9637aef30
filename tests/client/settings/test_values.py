"""URLs of servers, and hosts."""

from sellia.client.settings import ClientSettings, load
from sellia.errors import SettingsError
from tests.client.settings.cases import ClientCase


class ServerUrlTests(ClientCase):
    def server(self, text: str) -> ClientSettings:
        return load({"server": text, "target": "1"}, {})

    def test_forms(self) -> None:
        for text, server, link in (
            ("http://localhost:3000", "http://localhost:3000", "ws://localhost:3000/ws"),
            ("HTTPS://Example.COM/", "https://example.com", "wss://example.com/ws"),
            ("ws://example.com", "http://example.com", "ws://example.com/ws"),
            ("wss://example.com:8443/ws", "https://example.com:8443/ws", "wss://example.com:8443/ws"),
            ("http://example.com/tunnel/", "http://example.com/tunnel", "ws://example.com/tunnel"),
            ("http://[::1]:3000", "http://[::1]:3000", "ws://[::1]:3000/ws"),
            ("https://bücher.example", "https://xn--bcher-kva.example", "wss://xn--bcher-kva.example/ws"),
        ):
            settings = self.server(text)
            self.assertEqual((settings.server, settings.link_url), (server, link))

    def test_without_a_scheme(self) -> None:
        """It is told what to write, unless a password may be in it."""
        for text, hint in (
            ("localhost:3000", "http://localhost:3000."),
            ("127.0.0.1", "http://127.0.0.1."),
            ("t.example", "https://t.example."),
            ("u:p@t.example", "http://localhost:3000 or https://example.com."),
        ):
            error = self.assertRaises(SettingsError, self.server, text)
            self.assertEqual(error.hint, f"Write it as {hint}")

    def test_wrong(self) -> None:
        for text in (
            "",
            "localhost:3000",
            "ftp://x",
            "http://",
            "http://x:0",
            "http://x:99999",
            "http://x y",
            "http://[::1",
            "http://x/?a=b",
            "http://x/#a",
            "http://x/a b",
            "http://a..b",
            "http://" + "a" * 300,
        ):
            error = self.bad({"server": text, "target": "1"})
            self.assertTrue(error.line.startswith("--server: "), text)

    def test_password_is_not_repeated(self) -> None:
        for text in ("http://u:SECRET@host", "http://SECRET@host", "x://u:SECRET@h", "http://u:SECRET@h:99999"):
            self.assertNotIn("SECRET", str(self.bad({"server": text, "target": "1"})))
