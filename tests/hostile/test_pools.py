"""Pools with members that do anything: every visitor gets one answer, good members theirs, and nothing is kept."""

from random import Random

from sellia.problems import (
    CLIENT_GONE,
    INTERNAL,
    NOT_ASKED,
    SERVICE_DIED,
    SERVICE_REFUSED,
    SERVICE_UNREACHABLE,
    problem_of,
)
from sellia.protocol.messages import CloseTunnel, GoAway, ResponseHead, ServiceHealth
from tests.server.pools import Member, PoolCase
from tests.server.support import GET, chunked, get, post

STEPS = 400

WORDS = (SERVICE_REFUSED, SERVICE_UNREACHABLE, NOT_ASKED, SERVICE_DIED, CLIENT_GONE, INTERNAL, problem_of("moon-phase"))

REQUESTS = (
    GET,
    post(b"x" * 5000),
    chunked(b"a", b"b") + b"0\r\n\r\n",
    get(b"/", b"Cookie: Sellia-Sticky=" + b"A" * 32),
)


class HostileMemberTests(PoolCase):
    def mischief(self, random: Random, member: Member) -> None:
        """One thing that a member may say, however odd."""
        streams = [stream for stream in member.streams if not stream.local_ended]
        match random.randrange(8):
            case 0 | 1 | 2 if streams:
                random.choice(streams).reset(random.choice(WORDS), "x" * random.randrange(300))
            case 3 if streams:
                random.choice(streams).send_head(ResponseHead(103, b"Early Hints", []))
            case 4:
                member.party.session.send_control(
                    ServiceHealth(random.randrange(3), random.random() < 0.8, "\x1b[2J\n")
                )
            case 5 if random.random() < 0.1:
                member.party.session.send_control(CloseTunnel(1))
            case 6 if random.random() < 0.05:
                member.party.session.send_control(GoAway("client-gone", "", 5.0))
            case 7 if random.random() < 0.3 and member.wire in self.server.wires:
                self.server.cut(member)
            case _:
                if member.wire not in self.server.wires:
                    member.connect()
        self.server.talk()

    def test_whatever_members_do(self) -> None:
        for seed in range(8):
            random = Random(seed)
            sticky = random.choice(("", "cookie", "address"))
            good = self.server.member().join("demo", sticky=sticky)
            bad = [self.server.member().join("demo", sticky=sticky) for _ in range(3)]
            visitors = []
            for _ in range(STEPS // 8):
                visitors.append(self.visitor(random.choice(REQUESTS), host=f"198.51.100.{random.randrange(9)}"))
                for _ in range(3):
                    self.mischief(random, random.choice(bad))
                while good.streams:
                    good.answer(b"good")
            for member in bad:
                if member.wire in self.server.wires:
                    self.server.cut(member)
            self.server.wait(121)
            while good.streams:
                good.answer(b"good")
            for visitor in visitors:
                said = visitor.read()
                finals = [
                    line for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.1 ") and b" 103 " not in line
                ]
                self.assertEqual(len(finals), 1, said)
                self.assertNotIn(b"\x1b", said)
                visitor.leave()
            pool = self.pool()
            self.assertEqual(([member.session for member in pool.members], pool.kept), ([good.session], 0))
            self.assertEqual(good.session.mux.streams, {})
            good.say(CloseTunnel(1))
            self.assertEqual(self.server.registry.by_name, {})
