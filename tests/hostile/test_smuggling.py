"""Other people's lists of hostile requests, and other people's proxies in front: one request is one request."""

from __future__ import annotations

from tests.hostile import stage
from tests.hostile.case import HostileCase, Row, cases, play_row
from tests.hostile.fronts import FRONTS, Front
from tests.hostile.smuggling import Mutation, mutations
from tests.hostile.visitors import get, post, request, talk

BLANK = b"\r\n\r\n"


def play_mutation(port: int, mutation: Mutation) -> list[list[int]]:
    """Send the requests of a mutation, each on a connection of its own; the statuses of the answers."""
    told = []
    for data in mutation.requests():
        # What ends it in any case is a request that says that it is the last.
        said = talk(port, (data, get(b"/last", b"Connection: close")), until_close=True)
        told.append(said.statuses)
    return told


def whole(since: int) -> list[bytes]:
    """The targets of the requests that have reached the service whole since then."""
    return [each.target for each in stage.ledger().seen()[since:] if each.complete and each.target != stage.SETTLE]


class SmugglerTests(HostileCase):
    """The mutations of *smuggler*: whatever Sellia makes of the field, the service sees what the length says."""

    def test_mutations(self) -> None:
        before = len(stage.ledger().seen())
        passed = refused = 0
        for mutation in mutations(every=False):
            for statuses in play_mutation(stage.server().port, mutation):
                self.assertTrue(statuses, mutation.name)
                self.assertIn(statuses[0], (200, 400), mutation.name)
                passed += statuses.count(200)
                refused += statuses.count(400)
        stage.settle()
        seen = whole(before)
        self.assertNotIn(b"/smuggled", seen)
        self.assertEqual(len(seen), passed, "what was answered is what the service has seen")
        self.assertGreater(refused, 300)


def front_statuses(test: HostileCase, front: Front, corpus: list[Mutation]) -> tuple[int, int]:
    """Send a corpus through a front; how many requests it has sent on, and how many of them Sellia let pass."""
    refused_before, passed_before = front.settled()
    before = len(stage.ledger().seen())
    for mutation in corpus:
        for data in mutation.requests():
            talk(front.port, (data, get(b"/last", b"Connection: close")), until_close=True)
    refused, passed = front.settled()
    stage.settle()
    seen = whole(before)
    test.assertNotIn(b"/smuggled", seen)
    test.assertEqual(len(seen), passed - passed_before, "requests at the service, and those that the front sent on")
    return refused - refused_before + passed - passed_before, passed - passed_before


class FrontTests(HostileCase):
    """A part of the corpus through proxies that use their connections to Sellia again; `make hostile` sends all."""

    def through(self, name: str) -> None:
        front = FRONTS[name]()
        self.addCleanup(front.process.stop)
        sent, passed = front_statuses(self, front, list(mutations(every=False))[::6])
        self.assertGreater(sent, 5)
        self.assertGreater(passed, 0)

    def test_nginx(self) -> None:
        self.through("nginx")

    def test_haproxy(self) -> None:
        self.through("haproxy")


FRAGMENTS = (
    b"G", b"GET ", b"GET /hello", b"GET /hello ", b"GET /hello HTTP", b"GET /hello HTTP/1.1", b"GET /hello HTTP/1.1\r",
    b"GET /hello HTTP/1.1\r\n", b"GET /hello HTTP/1.1\r\nHos", b"GET /hello HTTP/1.1\r\nHost:",
    b"GET /hello HTTP/1.1\r\nHost: ", b"GET /hello HTTP/1.1\r\nHost: localhost",
    b"GET /hello HTTP/1.1\r\nHost: localhost\r", b"GET /hello HTTP/1.1\r\nHost: localhost\r\n",
    b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r",
)  # fmt: skip


@cases(
    [
        Row("request without a version", (b"GET / " + BLANK,), (400,)),
        Row("expect", (get(b"/", b"Expect: 100-continue"),), (200,), 1, closed=False),
        Row("valid", (get(),), (200,), 1, closed=False),
        Row("valid with edge cases", (b"GET / HTTP/1.1\r\nhoSt:\tdemo.localhost\r\nempty:" + BLANK,), (200,), 1, False),
        Row("brackets in a name", (get(b"/", b"X-Invalid[]: test"),), (400,)),
        Row("no host but a length", (b"GET / HTTP/1.1\r\nContent-Length: 5" + BLANK,), (400,)),
        Row("two hosts", (get(b"/", b"Host: example.org"),), (400,)),
        Row("negative length", (get(b"/", b"Content-Length: -1234"),), (400,)),
        Row("very negative length", (get(b"/", b"Content-Length: -123456789123456789123456789"),), (400,)),
        Row("length of letters", (get(b"/", b"Content-Length: abc"),), (400,)),
        Row("empty value", (get(b"/", b"X-Empty-Header: "),), (200,), 1, closed=False),
        Row("bell in a value", (get(b"/", b"X-Bad-Control-Char: test\x07"),), (400,)),
        Row("version 9.9", (get(version=b"9.9"),), (505,)),
        Row("words before the method", (b"Extra line" + get(),), (400,)),
        Row("carriage return before a name", (get()[:-2] + b"\rSome-Header: Test" + BLANK,), (400,)),
        Row("body", (post(b"hello", b"Content-Length: 5"),), (200,), 1, closed=False),
        Row("both framings", (get(b"/", b"Transfer-Encoding: chunked", b"Content-Length: 5"),), (400,)),
    ],
    play_row,
)
class H1SpecTests(HostileCase):
    """The cases of *h1spec*, as facts."""

    def test_fragments_are_waited_for(self) -> None:
        """Each beginning of a request is no mistake: nothing is answered, and the rest makes it a request."""
        from tests.hostile.visitors import dial

        for fragment in FRAGMENTS:
            with dial(stage.server().port) as visitor:
                visitor.sendall(fragment)
                visitor.settimeout(0.02)
                with self.assertRaises(TimeoutError):
                    visitor.recv(1)


@cases(
    [
        Row("trace", (request(b"TRACE"),), (200,), 1, closed=False),
        Row("options star", (request(b"OPTIONS", b"*"),), (200,), 1, closed=False),
        Row("connection close", (get(b"/", b"Connection: close") + get(),), (200,), 1),
        Row("http 1.0 closes", (get(version=b"1.0") + get(),), (200,), 1),
        Row("fragment in the target", (get(b"/a#b"),), (200,), 1, closed=False),
        Row("get with a body", (get(b"/", b"Content-Length: 5") + b"hello",), (200,), 1, closed=False),
        Row("overlong utf-8 in the target", (get(b"/\xc0\xaf"),), (400,)),
        Row("letters beyond ascii in the target", (get("/ä".encode()),), (400,)),
        Row("tab in a name", (get(b"/", b"A\tB: c"),), (400,)),
        Row("name of 100 KiB", (get(b"/", b"A" * 100_000 + b": b"),), (431,)),
        Row("value of 100 KiB", (get(b"/", b"A: " + b"b" * 100_000),), (431,)),
        Row("method of 100 KiB", (b"A" * 100_000 + b" / HTTP/1.1" + BLANK,), (400,)),
    ],
    play_row,
)
class ProbeTests(HostileCase):
    """What *Http11Probe* asks besides, as facts."""
