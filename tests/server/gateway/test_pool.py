"""Pools: which member gets a request, what is asked of another one, and what never is."""

from typing import Any

from sellia.problems import (
    BAD_SERVICE_RESPONSE,
    CLIENT_GONE,
    NOT_ASKED,
    SERVICE_DIED,
    SERVICE_REFUSED,
    SERVICE_TLS_FAILED,
    SERVICE_UNREACHABLE,
)
from sellia.protocol.messages import CloseTunnel, GoAway, ResponseHead, ServiceHealth, WebSocketRequest
from sellia.server.gateway.pool import ALL_KEPT, KEPT, Pool
from tests.server.pools import Member, PoolCase
from tests.server.support import GET, SWITCHING, UPGRADE, chunked, get, post


class ChoiceTests(PoolCase):
    def test_least_outstanding(self) -> None:
        """Ties go round."""
        members = [self.server.member().join() for _ in range(3)]
        visitors = [self.visitor(GET) for _ in range(7)]
        self.assertEqual(sorted(self.requests(*members)), [2, 2, 3])
        for member in members:
            while member.streams:
                member.answer()
        self.assertEqual([self.answers(each) for each in visitors], [[(200, None)]] * 7)
        busy, *others = members
        for _ in range(4):
            self.visitor(GET)
        before = self.requests(busy)
        for each in others:
            while each.streams:
                each.answer()
        while busy.streams:
            busy.answer()
        self.visitor(get(b"/slow"))
        slow = next(each for each in members if each.streams)
        for _ in range(6):
            self.visitor(GET)
            for each in members:
                if each is not slow:
                    while each.streams:
                        each.answer()
        self.assertEqual(len(slow.streams), 1, before)

    def test_numbers_of_their_own(self) -> None:
        """Each is asked under the number that it gave its tunnel; one client may have two places."""
        first = self.server.member().join(number=5)
        second = self.server.member().join(number=7).join(number=9)
        for _ in range(3):
            self.visitor(GET)
        self.assertEqual([each.tunnel for each in first.asked], [5])
        self.assertEqual(sorted(each.tunnel for each in second.asked), [7, 9])

    def test_attached_members_first(self) -> None:
        away, there = self.server.member().join(), self.server.member().join()
        self.server.cut(away)
        for _ in range(4):
            self.visitor(GET)
        self.assertEqual(self.requests(away, there), [0, 4])
        self.server.cut(there)
        self.visitor(GET)
        away.connect()
        there.connect()
        self.assertEqual(self.requests(away, there), [1, 4])

    def test_full_members(self) -> None:
        """A member without room is passed over; where all have none, the visitor is told."""
        self.gateway.guard.exchanges.tunnel_streams = 1
        members = [self.server.member().join() for _ in range(2)]
        visitors = [self.visitor(GET) for _ in range(3)]
        self.assertEqual(self.requests(*members), [1, 1])
        self.assertEqual(self.answers(visitors[2]), [(503, "overloaded")])

    def test_a_websocket_stays_where_it_is(self) -> None:
        members = [self.server.member().join() for _ in range(2)]
        visitor = self.visitor(UPGRADE)
        [member] = [each for each in members if each.asked]
        self.assertIsInstance(member.asked[0], WebSocketRequest)
        [stream] = member.streams
        stream.send_head(SWITCHING)
        self.server.talk()
        self.assertIn(b"101 Switching Protocols", visitor.read())
        member.say(CloseTunnel(1))
        for _ in range(3):
            self.visitor(GET)
        stream.send_frame(0x81, b"still here")
        self.server.talk()
        self.assertIn(b"still here", visitor.read())
        self.assertEqual(len(member.asked), 1)


class LeavingTests(PoolCase):
    def test_nothing_new_and_finish(self) -> None:
        for leave in (CloseTunnel(1), GoAway("client-gone", "", 5.0)):
            goes, stays = self.server.member().join("pool"), self.server.member().join("pool")
            host = get(host=b"pool.localhost")
            visitors = [self.visitor(host), self.visitor(host)]
            goes.say(leave)
            for _ in range(3):
                self.visitor(host)
            self.assertEqual(self.requests(goes, stays), [1, 4])
            goes.answer(b"done")
            while stays.streams:
                stays.answer(b"done")
            self.assertEqual([self.answers(each) for each in visitors], [[(200, None)]] * 2)
            stays.say(CloseTunnel(1))
            self.assertNotIn("pool", self.server.registry.by_name)

    def test_the_last_one(self) -> None:
        """Its name is free, or held for its owner, like any."""
        member = self.server.member().join()
        member.say(GoAway("client-gone", "", 5.0))
        self.assertTrue(self.server.registry.is_held("demo", self.server.clock.seconds()))
        self.assertEqual(self.server.member("other").open("demo").names, [])
        again = self.server.member().join()
        again.say(CloseTunnel(1))
        self.assertEqual(self.server.member("other").open("demo").names, ["demo"])

    def test_resume(self) -> None:
        """A client that comes back has its place, and what it was asked."""
        first, second = self.server.member().join(), self.server.member().join()
        visitors = [self.visitor(GET), self.visitor(GET)]
        self.server.cut(first)
        first.connect()
        self.visitor(GET)
        self.visitor(GET)
        self.assertEqual(self.requests(first, second), [2, 2])
        for member in (first, second):
            while member.streams:
                member.answer()
        self.assertEqual([self.answers(each) for each in visitors], [[(200, None)]] * 2)

    def test_not_come_back(self) -> None:
        """What its client had may have been acted on; what it had not goes to the other."""
        lost, other = self.server.member().join(), self.server.member().join()
        self.visitor(GET)
        self.visitor(GET)
        other.answer()
        had = self.visitor(GET)
        del had
        self.server.cut(lost)
        self.server.wait(121)
        self.assertEqual([each.session for each in self.pool().members], [other.session])
        self.assertEqual(len(lost.asked), 1)

    def test_what_waits_for_a_lost_link_moves(self) -> None:
        """Asked while all were away, it goes to whoever is left when the member's time is over."""
        first, second = self.server.member().join(), self.server.member().join()
        self.server.cut(first)
        self.server.cut(second)
        visitors = [self.visitor(GET), self.visitor(post(b"body"))]
        self.assertEqual(self.requests(first, second), [0, 0])
        self.server.wait(60)
        second.connect()
        self.assertEqual(self.requests(first, second), [0, 1])
        self.server.wait(61)
        self.assertEqual(self.requests(first, second), [0, 2])
        for _ in range(2):
            second.answer()
        self.assertEqual([self.answers(each) for each in visitors], [[(200, None)]] * 2)

    def test_an_opening_that_was_not_sent_when_the_link_was_lost(self) -> None:
        """It goes to another member at once, with its body."""
        first, second = self.server.member().join(), self.server.member().join()
        first.wire.far.writable = False
        first.session.mux.out.link_full()
        second.wire.far.writable = True
        visitors = [self.visitor(post(b"one")), self.visitor(post(b"two"))]
        self.assertEqual(self.requests(first, second), [0, 1])
        self.server.cut(first)
        self.assertEqual(self.requests(first, second), [0, 2])
        bodies = sorted(leg.data for leg in second.party.legs.values())
        self.assertEqual(bodies, [b"one", b"two"])
        for _ in range(2):
            second.answer()
        self.assertEqual([self.answers(each) for each in visitors], [[(200, None)]] * 2)


class RetryTests(PoolCase):
    """A request of which no service has heard is tried at another member; no other one is, ever."""

    def both(self) -> tuple[Member, Member]:
        return self.server.member().join(), self.server.member().join()

    def first_asked(self, *members: Member) -> tuple[Member, Member]:
        first = next(each for each in members if each.streams)
        return first, next(each for each in members if each is not first)

    def test_refused_by_the_service(self) -> None:
        for problem in (SERVICE_REFUSED, SERVICE_UNREACHABLE, SERVICE_TLS_FAILED, NOT_ASKED):
            for request, body in ((GET, b""), (post(b"x" * 1000), b"x" * 1000), (get(method=b"DELETE"), b"")):
                members = self.both()
                visitor = self.visitor(request)
                first, second = self.first_asked(*members)
                first.refuse(problem)
                self.assertEqual(self.requests(first, second), [1, 1])
                [leg] = second.party.legs.values()
                self.assertEqual((leg.data, leg.ended or not body), (body, True))
                second.answer(b"hello")
                self.assertEqual(self.answers(visitor), [(200, None)])
                for member in members:
                    member.say(CloseTunnel(1))

    def test_chunks_and_trailers(self) -> None:
        """Also of a body of which more is to come."""
        members = self.both()
        visitor = self.visitor(chunked(b"one", b"two"))
        first, second = self.first_asked(*members)
        first.refuse()
        visitor.send(b"5\r\nthree\r\n", b"0\r\nX-Sum: 1\r\n\r\n")
        [leg] = second.party.legs.values()
        self.assertEqual((leg.data, leg.events[-1]), (b"onetwothree", ("end", [(b"X-Sum", b"1")])))
        second.refuse()
        self.assertEqual(self.answers(visitor), [(502, "service-refused")])

    def test_never_again(self) -> None:
        """Where the service may have acted on it, whatever the method."""
        for problem in (SERVICE_DIED, BAD_SERVICE_RESPONSE, CLIENT_GONE):
            members = self.both()
            visitor = self.visitor(post(b"pay"))
            first, second = self.first_asked(*members)
            first.refuse(problem, "It died.")
            self.assertEqual(self.requests(first, second), [1, 0])
            self.assertEqual(self.answers(visitor), [(502, problem.code)])
            for member in members:
                member.say(CloseTunnel(1))

    def test_not_once_it_has_answered(self) -> None:
        members = self.both()
        visitor = self.visitor(chunked(b"one"))
        first, second = self.first_asked(*members)
        first.streams[0].send_head(ResponseHead(103, b"Early Hints", []))
        self.server.talk()
        first.refuse()
        self.assertEqual((self.requests(second), self.pool().kept), ([0], 0))
        visitor.leave()
        members[0].say(CloseTunnel(1))

    def test_once_for_each_member(self) -> None:
        """And the reason of the last is told, as far as it is the visitor's affair."""
        members = [self.server.member().join() for _ in range(3)]
        visitor = self.visitor(GET)
        for number in range(3):
            member = next(each for each in members if each.streams)
            member.refuse(SERVICE_UNREACHABLE if number == 2 else SERVICE_REFUSED)
        self.assertEqual(self.requests(*members), [1, 1, 1])
        self.assertEqual(self.answers(visitor), [(502, "service-unreachable")])

    def test_as_much_of_a_body_as_is_kept(self) -> None:
        members = self.both()
        visitor = self.visitor(post(b"x" * KEPT))
        first, second = self.first_asked(*members)
        first.refuse()
        [leg] = second.party.legs.values()
        self.assertEqual(len(leg.data), KEPT)
        second.answer()
        self.assertEqual((self.answers(visitor), self.pool().kept), ([(200, None)], 0))
        visitor.send(post(b"x" * (KEPT + 1)))
        first, second = self.first_asked(*members)
        first.refuse()
        self.assertEqual((self.answers(visitor), self.pool().kept), ([(502, "service-refused")], 0))

    def test_all_that_is_kept(self) -> None:
        members = self.both()
        visitors = [self.visitor(post(b"x" * KEPT, length=2 * KEPT)) for _ in range(ALL_KEPT // KEPT + 10)]
        self.assertEqual(self.pool().kept, ALL_KEPT)
        for visitor in visitors:
            visitor.leave()
        self.assertEqual(self.pool().kept, 0)
        for member in members:
            self.assertEqual(member.streams, [])

    def test_an_upgrade(self) -> None:
        """A handshake is given to another member, too, and its answer is this one's."""
        members = self.both()
        visitor = self.visitor(UPGRADE)
        first, second = self.first_asked(*members)
        first.refuse(NOT_ASKED)
        second.streams[0].send_head(SWITCHING)
        self.server.talk()
        self.assertIn(b"101 Switching Protocols", visitor.read())

    def test_a_single_client_that_takes_nothing(self) -> None:
        self.server.member().join()
        visitor = self.visitor(GET)
        self.gateway.sessions.copy()
        [member] = self.pool().members
        del member
        client = self.server.wires[0].near.keeper
        assert isinstance(client, Member)
        client.refuse(NOT_ASKED, "the client was stopped")
        self.assertEqual(self.answers(visitor), [(502, "client-gone")])


class HealthTests(PoolCase):
    def test_a_hostile_member(self) -> None:
        """It joins, and refuses everything: no visitor sees that, and it is passed over soon."""
        good, bad = self.server.member().join(), self.server.member().join()
        for _ in range(50):
            visitor = self.visitor(GET)
            if bad.streams:
                bad.refuse()
            good.answer()
            self.assertEqual(self.answers(visitor), [(200, None)])
        self.assertEqual(self.requests(good, bad), [50, 3])

    def test_it_is_tried_again_later(self) -> None:
        """And passed over for longer if it is no better."""
        good, bad = self.server.member().join(), self.server.member().join()
        asked = []
        for _ in range(40):
            for _ in range(10):
                self.visitor(GET)
                if bad.streams:
                    bad.refuse()
                good.answer()
            asked.append(self.requests(bad)[0])
            self.server.wait(3)
        self.assertEqual(asked[:4], [3, 3, 3, 3])
        self.assertGreater(asked[-1], 6)
        self.assertLess(asked[-1], 3 * 6)

    def test_if_all_are_out(self) -> None:
        """They are asked all the same, for one of them may have come back; and the answer is the truth."""
        members = [self.server.member().join() for _ in range(2)]
        for _ in range(10):
            visitor = self.visitor(GET)
            for _ in members:
                next(each for each in members if each.streams).refuse()
            self.assertEqual(self.answers(visitor), [(502, "service-refused")])
        visitor = self.visitor(GET)
        next(each for each in members if each.streams).answer()
        self.assertEqual(self.answers(visitor), [(200, None)])

    def test_what_clients_say(self) -> None:
        first, second = self.server.member().join(), self.server.member().join()
        first.say(ServiceHealth(1, False, "localhost:1/health answered 500."))
        for _ in range(4):
            self.visitor(GET)
        self.assertEqual(self.requests(first, second), [0, 4])
        second.say(ServiceHealth(1, False, "localhost:2/health \x1b[2J did not answer within 5 s."))
        visitor = self.visitor(get(b"/", b"Accept: text/plain"))
        said = visitor.read()
        self.assertIn(b"503", said)
        self.assertIn(b"Sellia-Error: service-unhealthy", said)
        self.assertNotIn(b"localhost:", said.replace(b"demo.localhost:", b""))
        first.say(ServiceHealth(1, True))
        self.visitor(GET)
        self.assertEqual(self.requests(first, second), [1, 4])

    def test_of_no_tunnel(self) -> None:
        """It is late, and means nothing; a flood of it is kept nowhere."""
        member = self.server.member().join().open("plain", 2)
        lines = self.logged()
        for number in range(500):
            member.say(ServiceHealth(number, bool(number & 1), "x" * 1000))
        for number in range(500):
            member.say(ServiceHealth(1, bool(number & 1), "x" * 1000))
        self.assertLess(len(lines), 40)


class StickyTests(PoolCase):
    def cookie(self, visitor: Any) -> bytes | None:
        """What a visitor's browser sends from now on."""
        for line in visitor.read().split(b"\r\n"):
            if line.startswith(b"Set-Cookie: "):
                return b"Cookie: a=1; " + line[12:].partition(b";")[0] + b"; b=2"
        return None

    def test_by_cookie(self) -> None:
        members = [self.server.member().join(sticky="cookie") for _ in range(3)]
        for number, member in enumerate(members):
            visitor = self.visitor(GET)
            self.assertEqual(len(member.streams), 1, number)
            member.answer()
            cookie = self.cookie(visitor)
            assert cookie is not None
            for _ in range(5):
                visitor.send(get(b"/", cookie))
                self.assertEqual(dict(member.asked[-1].headers)[b"Cookie"], b"a=1; b=2")
                member.answer()
                self.assertIsNone(self.cookie(visitor))
        self.assertEqual(self.requests(*members), [6, 6, 6])

    def test_its_attributes(self) -> None:
        member = self.server.member().join(sticky="cookie")
        visitor = self.visitor(GET)
        member.answer()
        self.assertRegex(
            visitor.read(), rb"\r\nSet-Cookie: Sellia-Sticky=[\w-]{32}; Path=/; HttpOnly; SameSite=Lax\r\n"
        )

    def test_forged(self) -> None:
        """Nobody chooses a member; what was made up is taken off, and a cookie is set."""
        members = [self.server.member().join(sticky="cookie") for _ in range(2)]
        other = self.server.member().join("other", sticky="cookie")
        visitor = self.visitor(get(host=b"other.localhost"))
        other.answer()
        elsewhere = self.cookie(visitor)
        assert elsewhere is not None
        mark = self.pool().members[0].standing.mark
        from base64 import urlsafe_b64encode

        made_up = urlsafe_b64encode(mark + bytes(16))
        for forged in (
            *(elsewhere, b"Cookie: Sellia-Sticky=" + made_up, b"Cookie: Sellia-Sticky=", b"Cookie: Sellia-Sticky"),
            b"Cookie: Sellia-Sticky=" + b"\xff" * 32,
        ):
            before = self.requests(*members)
            visitors = [self.visitor(get(b"/", forged)) for _ in range(2)]
            self.assertEqual(self.requests(*members), [count + 1 for count in before])
            for member in members:
                self.assertNotIn(b"Sellia-Sticky", dict(member.asked[-1].headers).get(b"Cookie", b""))
                member.answer()
            self.assertTrue(all(self.cookie(each) for each in visitors))

    def test_while_its_member_is_away(self) -> None:
        """It is served by another, and comes back."""
        first, second = self.server.member().join(sticky="cookie"), self.server.member().join(sticky="cookie")
        visitor = self.visitor(GET)
        first.answer()
        cookie = self.cookie(visitor) or b""
        self.server.cut(first)
        visitor.send(get(b"/", cookie))
        second.answer()
        self.assertIsNone(self.cookie(visitor))
        first.connect()
        for _ in range(3):
            visitor.send(get(b"/", cookie))
            first.answer()
        self.assertEqual(self.requests(first, second), [4, 1])

    def test_when_its_member_has_left(self) -> None:
        """It gets a new cookie."""
        first, second = self.server.member().join(sticky="cookie"), self.server.member().join(sticky="cookie")
        visitor = self.visitor(GET)
        first.answer()
        cookie = self.cookie(visitor) or b""
        first.say(CloseTunnel(1))
        visitor.send(get(b"/", cookie))
        second.answer()
        self.assertNotIn(self.cookie(visitor), (None, cookie))

    def test_by_address(self) -> None:
        """A member that leaves moves only its own visitors."""
        members = [self.server.member().join(sticky="address") for _ in range(3)]

        def homes() -> dict[str, Member]:
            found = {}
            for number in range(60):
                host = f"198.51.100.{number}"
                self.visitor(GET, host=host)
                [member] = [each for each in members if each.streams]
                member.answer()
                found[host] = member
            return found

        before = homes()
        self.assertEqual(homes(), before)
        self.assertEqual({id(each) for each in before.values()}, {id(each) for each in members})
        members[0].say(CloseTunnel(1))
        after = homes()
        moved = {host for host in before if before[host] is not after[host]}
        self.assertEqual(moved, {host for host in before if before[host] is members[0]})


class NoticeTests(PoolCase):
    def test_all_are_told(self) -> None:
        """Each with the number of its own tunnel."""
        members = [self.server.member().join(auth="a:b", number=number) for number in (3, 4)]
        visitor = self.visitor(GET)
        self.assertEqual(self.answers(visitor), [(401, "unauthorized")])
        self.assertEqual([member.party.messages[-1].tunnel for member in members], [3, 4])
        self.assertIsInstance(self.pool(), Pool)
