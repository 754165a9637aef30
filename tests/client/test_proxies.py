"""Which server is reached through which proxy."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.proxies import DIRECT, Proxies, Proxy, parse_proxy, proxies_of
from sellia.errors import SettingsError


def host_of(proxies: Proxies, url: str) -> str | None:
    """The host of the proxy for a URL."""
    proxy = proxies.of_url(url)
    return proxy.host if proxy is not None else None


class ParseTests(SynchronousTestCase):
    def test_spellings(self) -> None:
        for text, proxy in (
            ("http://proxy.example:3128", Proxy("proxy.example", 3128)),
            ("Proxy.Example:3128/", Proxy("proxy.example", 3128)),
            (" http://10.0.0.1 ", Proxy("10.0.0.1", 80)),
            ("https://proxy.example", Proxy("proxy.example", 443, True)),
            ("http://[::1]:8080", Proxy("::1", 8080)),
            ("http://me:pass@p:1", Proxy("p", 1, False, b"me:pass")),
            ("http://me%40corp:p%3Aw%C3%A9@p:1", Proxy("p", 1, False, "me@corp:p:wé".encode())),
            ("http://me@p:1", Proxy("p", 1, False, b"me:")),
            ("http://bücher.example:1", Proxy("xn--bcher-kva.example", 1)),
        ):
            found = parse_proxy(text, "")
            self.assertEqual((found, found.login if found else None), (proxy, proxy.login), text)
        self.assertIsNone(parse_proxy("None"))

    def test_refused(self) -> None:
        for text, words in (
            ("socks5://me:secret@p:1080", "is a SOCKS proxy (socks5), and only HTTP proxies"),
            ("ftp://me:secret@p", "is not an http or https URL, but ftp"),
            ("http://me:secret@", "is not the URL of a proxy"),
            ("http://me:secret@p:99999", "is not the URL of a proxy"),
            ("http://me:secret@p q", "is not the URL of a proxy"),
            ("http://me:secret@p:0", "must not contain more than"),
            ("http://me:secret@p/path", "must not contain more than"),
            ("http://me:secret@p?q", "must not contain more than"),
            ("http://m%3Ae:secret@p", "a user with a colon"),
            ("http://me:secret%0d%0aX:y@p", "a control character"),
        ):
            error = self.assertRaises(ValueError, parse_proxy, text)
            self.assertIn(words, str(error))
            self.assertNotIn("secret", str(error))

    def test_a_password_is_not_shown(self) -> None:
        self.assertNotIn("secret", repr(parse_proxy("http://me:secret@p")))


class ChoiceTests(SynchronousTestCase):
    def test_by_scheme(self) -> None:
        proxies = proxies_of(None, {"HTTP_PROXY": "plain:1", "HTTPS_PROXY": "secure:1"})
        for url, host in (
            ("http://a.example", "plain"),
            ("ws://a.example/ws", "plain"),
            ("https://a.example", "secure"),
            ("wss://a.example:8443/ws", "secure"),
        ):
            self.assertEqual(host_of(proxies, url), host)
        self.assertIsNone(host_of(proxies_of(None, {"HTTP_PROXY": "plain:1"}), "wss://a.example"))
        self.assertIsNone(host_of(DIRECT, "wss://a.example"))

    def test_lower_case_is_read_first(self) -> None:
        proxies = proxies_of(
            None, {"https_proxy": "lower:1", "HTTPS_PROXY": "upper:1", "no_proxy": "x", "NO_PROXY": "*"}
        )
        self.assertEqual(host_of(proxies, "https://a.example"), "lower")
        self.assertEqual(host_of(proxies_of(None, {"https_proxy": "", "HTTPS_PROXY": "u:1"}), "https://a.example"), "u")

    def test_a_visitors_header_is_no_variable(self) -> None:
        """In a CGI program HTTP_PROXY is the header Proxy of a request."""
        cgi = {"REQUEST_METHOD": "GET", "HTTP_PROXY": "evil:1"}
        self.assertIsNone(host_of(proxies_of(None, cgi), "http://a.example"))
        self.assertEqual(host_of(proxies_of(None, {**cgi, "http_proxy": "good:1"}), "http://a.example"), "good")

    def test_never_for_loopback(self) -> None:
        proxies = proxies_of(None, {"http_proxy": "p:1", "https_proxy": "p:1"})
        for host in ("localhost:3000", "x.localhost", "127.0.0.1", "127.9.9.9:1", "[::1]:3000", "[::ffff:127.0.0.1]"):
            self.assertIsNone(host_of(proxies, f"http://{host}/ws"), host)
            self.assertIsNone(host_of(proxies, f"wss://{host}/ws"), host)

    def test_no_proxy(self) -> None:
        entries = (
            "corp.example, .dot.example *.star.example\t10.0.0.0/8,192.0.2.7 fd00::/8,"
            "[2001:db8::1]:443,only:8443,,/,x/y"
        )
        proxies = proxies_of(None, {"https_proxy": "p:1", "NO_PROXY": entries})
        for host in (
            *("corp.example", "a.b.corp.example", "corp.example.", "CORP.example:8443", "dot.example", "a.dot.example"),
            *("star.example", "a.star.example", "10.1.2.3", "192.0.2.7", "[fd12::1]", "[::ffff:10.1.1.1]"),
            *("[2001:db8::1]", "only:8443"),
        ):
            self.assertIsNone(host_of(proxies, f"https://{host}"), host)
        for host in (
            *("notcorp.example", "corp.example.org", "example", "11.0.0.1", "192.0.2.8", "[fe00::1]"),
            *("[2001:db8::1]:8443", "only", "only:443", "y"),
        ):
            self.assertEqual(host_of(proxies, f"https://{host}"), "p", host)

    def test_no_proxy_for_anybody(self) -> None:
        self.assertIsNone(host_of(proxies_of(None, {"https_proxy": "p:1", "NO_PROXY": " * "}), "https://a.example"))

    def test_the_setting_counts_for_everybody(self) -> None:
        proxies = proxies_of("http://p:1", {"HTTPS_PROXY": "socks5://x", "NO_PROXY": "*"})
        for url in ("http://a.example", "wss://a.example", "ws://127.0.0.1:1", "https://x.localhost"):
            self.assertEqual(host_of(proxies, url), "p")
        self.assertIsNone(host_of(proxies_of("none", {"HTTPS_PROXY": "p:1"}), "https://a.example"))

    def test_a_variable_that_cannot_be_used(self) -> None:
        """It may name the only way that the traffic may take."""
        for environment, place in (
            ({"HTTPS_PROXY": "socks5h://me:secret@p:1"}, "HTTPS_PROXY: is a SOCKS proxy (socks5h)"),
            ({"http_proxy": "http://me:secret@p:x"}, "http_proxy: is not the URL of a proxy"),
        ):
            error = self.assertRaises(SettingsError, proxies_of, None, environment)
            self.assertTrue(error.line.startswith(place), error.line)
            self.assertNotIn("secret", str(error))
            self.assertIn("--proxy none", error.hint)

    def test_the_place_is_known(self) -> None:
        proxy = proxies_of(None, {"https_proxy": "p:1"}).of_url("https://a.example")
        assert proxy is not None
        self.assertEqual(proxy.place, "https_proxy")
