"""Settings of header fields."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.settings import load
from sellia.client.settings.headers import LOCAL_PATHS_LIMIT
from sellia.errors import SettingsError
from sellia.relay.http.changes import Changes
from sellia.relay.http.rewriting import LOCAL_PATHS, PUBLIC_RULES, HeaderRules, HeaderSet
from tests.settings.cases import SettingsCase


class HeadersCase(SettingsCase):
    def rules(self, tunnel: str, **flags: Any) -> list[HeaderRules]:
        """The rules of the one tunnel that the file describes, a route after the other."""
        path = self.write(
            "server: https://example.com\ntunnels:\n  web:\n" + "".join(f"    {each}\n" for each in tunnel.splitlines())
        )
        [found] = load(flags, {}, path).tunnels
        return [route.rules for route in found.routes]

    def wrong(self, tunnel: str) -> str:
        error = self.assertRaises(SettingsError, self.rules, tunnel)
        return str(error)


class NameTests(HeadersCase):
    def test_public_unless_said(self) -> None:
        self.assertEqual(self.rules("target: 80"), [PUBLIC_RULES])
        self.assertEqual(self.rules("target: 80\nheaders: public"), [PUBLIC_RULES])

    def test_sets(self) -> None:
        self.assertEqual(self.rules("target: 80\nheaders: local"), [HeaderRules(HeaderSet.LOCAL)])
        self.assertEqual(self.rules("target: 80\nheaders: hybrid"), [HeaderRules(HeaderSet.HYBRID)])
        [rules] = self.rules("target: 80\nheaders: hybrid\nlocal_paths: [/hmr]")
        self.assertEqual(rules.local_paths, ("/hmr",))
        self.assertEqual(LOCAL_PATHS, ("/_next/", "/__nextjs"))

    def test_another_name(self) -> None:
        wanted = [HeaderRules(HeaderSet.LOCAL, "shop.test:8080")]
        self.assertEqual(self.rules("target: 80\nhost: Shop.Test:8080"), wanted)
        self.assertEqual(self.rules("target: 80\nheaders: local\nhost: shop.test:8080"), wanted)

    def test_of_a_path(self) -> None:
        paths = "  /: 80\n  /api: {target: 81, headers: public}\n  /shop: {target: 82, host: a.test}"
        tunnel = f"headers: local\npaths:\n{paths}"
        names = [(rules.names, rules.host) for rules in self.rules(tunnel)]
        self.assertEqual(names, [(HeaderSet.LOCAL, "a.test"), (HeaderSet.PUBLIC, ""), (HeaderSet.LOCAL, "")])

    def test_the_server_tells_what_must_be_known(self) -> None:
        path = self.write(
            "server: https://a.example\ntunnels: {a: {target: 80, headers: local, forwarded: false}, "
            "b: {target: 80, forwarded: false}}"
        )
        first, second = load({}, {}, path).tunnels
        self.assertEqual((first.options.forwarded, second.options.forwarded), (True, False))
        self.assertFalse(first.routes[0].rules.forwarded)

    def test_what_is_wrong(self) -> None:
        self.assertIn("must be 'public', 'local' or 'hybrid'", self.wrong("target: 80\nheaders: lokal"))
        self.assertIn(
            "another name than that of headers: public", self.wrong("target: 80\nheaders: public\nhost: a.test")
        )
        for host in ("http://a.test", "a b", "a.test/x", "u@a.test", "a.test:99999"):
            self.assertIn("is not a host", self.wrong(f"target: 80\nhost: '{host}'"), host)
        self.assertIn("is not the beginning of a path", self.wrong("target: 80\nlocal_paths: [a]"))
        many = ", ".join(["/a"] * (LOCAL_PATHS_LIMIT + 1))
        self.assertIn(f"must be 1 to {LOCAL_PATHS_LIMIT}", self.wrong(f"target: 80\nlocal_paths: [{many}]"))
        self.assertIn("is for http tunnels", self.wrong("kind: tcp\ntarget: 80\nheaders: local"))


class FlagTests(SynchronousTestCase):
    def rules(self, value: str) -> HeaderRules:
        [tunnel] = load({"server": "https://a.example", "target": "8080", "host_header": value}, {}).tunnels
        return tunnel.routes[0].rules

    def test_host_header(self) -> None:
        for value, rules in (
            ("public", PUBLIC_RULES),
            ("local", HeaderRules(HeaderSet.LOCAL)),
            ("Hybrid", HeaderRules(HeaderSet.HYBRID)),
            ("rewrite", HeaderRules(HeaderSet.LOCAL)),
            ("preserve", PUBLIC_RULES),
            ("localhost:8080", HeaderRules(HeaderSet.LOCAL, "localhost:8080")),
        ):
            self.assertEqual(self.rules(value), rules, value)

    def test_what_is_none(self) -> None:
        error = self.assertRaises(SettingsError, self.rules, "a b")
        self.assertIn("--host-header: a b is not a host", str(error))


class ChangeTests(HeadersCase):
    def test_changes(self) -> None:
        [rules] = self.rules(
            "target: 80\nrequest_headers: {set: {X-Env: dev}, add: {Accept: a}, remove: [Cookie]}\n"
            "response_headers: {remove: [Server]}"
        )
        self.assertEqual(rules.request, Changes(frozenset((b"cookie",)), ((b"X-Env", b"dev"),), ((b"Accept", b"a"),)))
        self.assertEqual(rules.response, Changes(frozenset((b"server",))))

    def test_of_a_path(self) -> None:
        tunnel = (
            "request_headers: {set: {X-A: 'a', X-B: 'b'}, remove: [C]}\n"
            "paths: {/: {target: 80, request_headers: {set: {x-b: 'c'}, remove: [D]}}}"
        )
        [rules] = self.rules(tunnel)
        self.assertEqual(rules.request.set, ((b"X-A", b"a"), (b"x-b", b"c")))
        self.assertEqual(rules.request.remove, frozenset((b"c", b"d")))

    def test_what_is_wrong(self) -> None:
        for tunnel, line in (
            ("request_headers: {set: {Host: a}}", "Host is written by Sellia itself"),
            ("response_headers: {remove: [content-length]}", "content-length is written by Sellia itself"),
            ("request_headers: {add: {'a b': c}}", "a b is not the name of a header field"),
            ('request_headers: {set: {A: "secret\\r\\nB: c"}}', "A has a value with a line break"),
            ("request_headers: {put: {A: b}}", "put is not a setting"),
        ):
            said = self.wrong(f"target: 80\n{tunnel}")
            self.assertIn(line, said)
            self.assertNotIn("secret", said)
