"""The choice among the members of a pool: a model of it, and members that are passed over."""

from collections import Counter
from dataclasses import dataclass
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.pool import OUT_LIMIT, OUT_SECONDS, REFUSAL_SECONDS, REFUSALS, Chooser, Standing


@dataclass(eq=False)
class Member:
    standing: Standing
    attached: bool = True
    outstanding: int = 0


def rank(candidate: Member, now: float) -> int:
    """How well placed a member is."""
    return 2 * (not candidate.attached) + (candidate.standing.out_until > now)


def member(number: int = 0) -> Member:
    return Member(Standing(number.to_bytes(8, "big")))


class ChoiceTests(SynchronousTestCase):
    def test_nobody(self) -> None:
        self.assertIsNone(Chooser().choose([], 0.0))

    def test_in_turn(self) -> None:
        members = [member(number) for number in range(3)]
        chooser = Chooser()
        chosen = [chooser.choose(members, 0.0) for _ in range(9)]
        self.assertEqual(chosen, members * 3)

    def test_least_outstanding(self) -> None:
        busy, idle = member(), member()
        busy.outstanding = 1
        chooser = Chooser()
        self.assertEqual([chooser.choose([busy, idle], 0.0) for _ in range(3)], [idle] * 3)

    def test_any_pool(self) -> None:
        """The invariants of the module, for any pool at any time."""
        random = Random(13)
        chooser = Chooser()
        for _ in range(3000):
            members = [member(number) for number in range(random.randrange(1, 7))]
            now = random.uniform(0.0, 100.0)
            for each in members:
                each.attached = random.random() < 0.7
                each.outstanding = random.randrange(3)
                each.standing.chosen = random.randrange(5)
                each.standing.out_until = random.choice((0.0, now, now + 1.0))
                each.standing.fault = random.choice(("", "", "It is ill."))
            affinity = random.choice(("", "198.51.100.7"))
            turns = {id(each): each.standing.chosen for each in members}
            chosen = chooser.choose(members, now, affinity)
            well = [each for each in members if not each.standing.fault]
            if chosen is None:
                self.assertEqual(well, [])
                continue
            self.assertIn(chosen, well)
            best = min(rank(each, now) for each in well)
            self.assertEqual(rank(chosen, now), best)
            equals = [each for each in well if rank(each, now) == best]
            if not affinity:
                least = min((each.outstanding, turns[id(each)]) for each in equals)
                self.assertEqual((chosen.outstanding, turns[id(chosen)]), least)
            else:
                self.assertIs(Chooser().choose(random.sample(equals, len(equals)), now, affinity), chosen)

    def test_what_comes_and_goes(self) -> None:
        """Any history of exchanges that begin and end: members never differ by more than one while none ends."""
        random = Random(5)
        members = [member(number) for number in range(4)]
        chooser = Chooser()
        for _ in range(2000):
            if random.random() < 0.4 and (busy := [each for each in members if each.outstanding]):
                random.choice(busy).outstanding -= 1
                continue
            before = min(each.outstanding for each in members)
            chosen = chooser.choose(members, 0.0)
            assert chosen is not None
            self.assertEqual(chosen.outstanding, before)
            chosen.outstanding += 1


class AffinityTests(SynchronousTestCase):
    def homes(self, members: list[Member]) -> dict[str, Member | None]:
        chooser = Chooser()
        return {str(number): chooser.choose(members, 0.0, str(number)) for number in range(3000)}

    def test_even(self) -> None:
        members = [member(number) for number in range(1, 6)]
        counts = Counter(id(each) for each in self.homes(members).values())
        self.assertTrue(all(450 < count < 750 for count in counts.values()), counts)

    def test_only_the_visitors_of_who_leaves_move(self) -> None:
        members = [member(number) for number in range(1, 6)]
        before, after = self.homes(members), self.homes(members[1:])
        moved = {visitor for visitor in before if before[visitor] is not after[visitor]}
        self.assertEqual(moved, {visitor for visitor in before if before[visitor] is members[0]})

    def test_whatever_the_visitor_is_called(self) -> None:
        self.assertIsNotNone(Chooser().choose([member(1)], 0.0, "\udc80" * 1000))


class StandingTests(SynchronousTestCase):
    def test_refusals(self) -> None:
        standing = Standing(b"x" * 8)
        self.assertEqual([standing.refused(float(number)) for number in range(REFUSALS)], [False, False, True])
        out = REFUSALS - 1.0
        self.assertEqual(standing.out_until, out + OUT_SECONDS)

    def test_refusals_now_and_then(self) -> None:
        """They are no reason, however many."""
        standing = Standing(b"x" * 8)
        step = REFUSAL_SECONDS / (REFUSALS - 1)
        self.assertFalse(any(standing.refused(number * step) for number in range(1000)))

    def test_longer_and_longer(self) -> None:
        """As long as it is no better, up to a bound; then as before."""
        standing = Standing(b"x" * 8)
        now, out = 0.0, []
        for _ in range(5):
            for _ in range(REFUSALS):
                standing.refused(now)
            out.append(standing.out_until - now)
            now = standing.out_until
        self.assertEqual(out, [OUT_SECONDS, 2 * OUT_SECONDS, 4 * OUT_SECONDS, OUT_LIMIT, OUT_LIMIT])
        now += 1000.0
        for _ in range(REFUSALS):
            standing.refused(now)
        self.assertEqual(standing.out_until, now + OUT_SECONDS)
