"""Which tunnel a request is for: one canonical answer, or none."""

from __future__ import annotations

from tests.hostile import stage
from tests.hostile.case import HostileCase, Row, cases, play_row
from tests.hostile.visitors import HOST, dial, get, parse, request, talk


def host(value: bytes) -> bytes:
    """A request with this in Host."""
    return get(b"/host", host=value)


ONE_KEY = {
    "as it is": HOST,
    "with a port": b"demo.localhost:3000",
    "with port 443": b"demo.localhost:443",
    "with an empty port": b"demo.localhost:",
    "mixed case": b"DeMo.LocalHost",
    "trailing dot": b"demo.localhost.",
    "trailing dot and a port": b"demo.localhost.:80",
}

NO_KEY = {
    "user name": b"demo.localhost@evil.example",
    "user name before it": b"evil@demo.localhost",
    "path": b"demo.localhost/path",
    "query": b"demo.localhost?a",
    "two, with a comma": b"demo.localhost, evil.example",
    "space inside": b"demo .localhost",
    "port that is none": b"demo.localhost:http",
    "port above all": b"demo.localhost:65536",
    "port 0": b"demo.localhost:0",
    "signed port": b"demo.localhost:+80",
    "two ports": b"demo.localhost:80:80",
    "two trailing dots": b"demo.localhost..",
    "two dots inside": b"demo..localhost",
    "dot first": b".demo.localhost",
    "empty": b"",
    "percent-encoded": b"%64emo.localhost",
    "full-width letters": "ｄemo.localhost".encode(),
    "full-width dot": "demo。localhost".encode(),
    "soft hyphen": "de\u00admo.localhost".encode(),
    "kelvin sign": "\u212aemo.localhost".encode(),
    "scheme": b"http://demo.localhost",
    "brackets": b"[demo.localhost]",
    "bracket open": b"[::1",
    "label of 64": b"d" * 64 + b".localhost",
    "of 300 octets": b"d." * 146 + b"localhost",
    "star": b"*.localhost",
    "script": b"<script>alert(1)</script>.localhost",
    "template": b"${jndi:ldap://x}.localhost",
    "backslash": b"demo.localhost\\@evil",
}

ABSENT = {
    "label below the tunnel": b"a.demo.localhost",
    "label before it": b"demox.localhost",
    "domain behind it": b"demo.localhost.evil.example",
    "domain that ends alike": b"demo.evillocalhost",
    "another domain": b"evil.example",
    "punycode": b"xn--demo-8na.localhost",
}


@cases([Row(name, (host(value),), (200,), 1, closed=False) for name, value in ONE_KEY.items()], play_row)
class OneKeyTests(HostileCase):
    """Spellings of one host come to one tunnel."""


@cases([Row(name, (host(value) + get(),), (400,)) for name, value in NO_KEY.items()], play_row)
class NoKeyTests(HostileCase):
    """What is no host comes to none, and ends the connection."""


@cases([Row(name, (host(value),), (404,), closed=False) for name, value in ABSENT.items()], play_row)
class AbsentTests(HostileCase):
    """Another host is another host."""


@cases(
    [
        Row("missing", (get(host=None) + get(),), (400,)),
        Row("missing in http 1.0", (get(host=None, version=b"1.0"),), (400,)),
        Row("two that are equal", (get(b"/", b"Host: demo.localhost") + get(),), (400,)),
        Row("two that differ", (get(b"/", b"Host: evil.example") + get(),), (400,)),
        Row("two in two cases", (get(b"/", b"hOST: demo.localhost") + get(),), (400,)),
        Row("absolute form that agrees", (get(b"http://demo.localhost/a?b"),), (200,), 1, closed=False),
        Row("absolute form in another spelling", (get(b"HTTP://DEMO.localhost.:80/a"),), (200,), 1, closed=False),
        Row("absolute form with a query only", (get(b"http://demo.localhost?a"),), (200,), 1, closed=False),
        Row("absolute form that differs", (get(b"http://evil.localhost/") + get(),), (400,)),
        Row("absolute form with a user name", (get(b"http://demo.localhost@evil.example/") + get(),), (400,)),
        Row("absolute form without a host", (get(b"http:///a") + get(),), (400,)),
        Row("absolute form of a websocket", (get(b"ws://demo.localhost/") + get(),), (400,)),
        Row("asterisk", (request(b"OPTIONS", b"*"),), (200,), 1, closed=False),
        Row("connect", (request(b"CONNECT", b"evil.example:443") + get(),), (405,)),
        Row("connect to a path", (request(b"CONNECT", b"/") + get(),), (405,)),
    ],
    play_row,
)
class FormTests(HostileCase):
    """One Host, and a target that agrees with it."""


class ManyHostsTests(HostileCase):
    """Whoever tries one host after another only makes itself slower."""

    def test_300_on_one_connection(self) -> None:
        with dial(stage.server().port) as visitor:
            for number in range(300):
                visitor.sendall(get(host=b"guess-%d.localhost" % number))
                data = b""
                while not parse(data)[0]:
                    data += visitor.recv(65536)
                [answered], _ = parse(data)
                self.assertEqual((answered.status, answered.value("sellia-error")), (404, "no-such-tunnel"))
        self.assertLess(self.busy(stage.server()), 1.0)

    def test_the_answer_carries_no_script(self) -> None:
        """Whatever a visitor sent is shown as text."""
        said = talk(
            stage.server().port,
            (get(b"/<script>alert(1)</script>?\"'&", b"Accept: text/html", host=b"nobody.localhost"),),
        )
        self.assertEqual(said.statuses, [404])
        self.assertNotIn(b"<script>", said.answers[0].body)
        self.assertIn(b"&lt;script&gt;", said.answers[0].body)
        self.assertEqual(said.answers[0].value("x-content-type-options"), "nosniff")
        self.assertIn("default-src 'none'", said.answers[0].value("content-security-policy") or "")
