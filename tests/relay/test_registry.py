"""One name, one winner; a name comes back to its owner and to nobody else."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import CLIENT_GONE, INTERNAL, NAME_TAKEN, OVERLOADED, SESSION_EXPIRED, TOO_MANY_TUNNELS, Problem
from sellia.relay.freed import REMEMBERED_LIMIT
from sellia.relay.registry import HOLD_SECONDS, Tunnel, TunnelRegistry
from sellia.relay.secrets import SecretDigest


class RegistryTests(SynchronousTestCase):
    """Sessions are strings here; alice and bob are owners."""

    def setUp(self) -> None:
        self.registry: TunnelRegistry[str] = TunnelRegistry(per_owner=3, total=5)
        self.addCleanup(self.registry.check_invariants)

    def claim(self, label: str, session: str, owner: str, now: float = 0.0) -> Tunnel[str]:
        return self.registry.claim(label, session, owner, now, tunnel_id=1).tunnel

    def assert_refused(self, problem: Problem, label: str, session: str, owner: str, now: float = 0.0) -> str:
        """The claim is refused for `problem`, changes nothing, and says something, which is returned."""
        before = dict(self.registry.by_name)
        error = self.assertRaises(ProblemError, self.claim, label, session, owner, now)
        self.assertIs(error.problem, problem)
        self.assertEqual(self.registry.by_name, before)
        return str(error)

    def test_a_claim_is_found_by_its_label(self) -> None:
        auth = SecretDigest("user:pass")
        claim = self.registry.claim("demo", "session", "alice", 0.0, tunnel_id=7, auth=auth)
        self.assertIs(self.registry.by_name["demo"], claim.tunnel)
        self.assertEqual(claim.displaced, ())
        tunnel = claim.tunnel
        self.assertEqual((tunnel.label, tunnel.upstream, tunnel.tunnel_id, tunnel.auth), ("demo", "session", 7, auth))
        self.assertEqual(self.registry.tunnels_of("session"), [tunnel])
        self.assertEqual(self.registry.tunnels_of("other"), [])

    def test_ports(self) -> None:
        """Are names like others, counted by themselves, and called what they are."""
        self.claim("tcp:20017", "session", "alice")
        self.claim("demo", "session", "alice")
        said = self.assert_refused(NAME_TAKEN, "tcp:20017", "other", "bob")
        self.assertEqual(said, "TCP port 20017 is in use.")
        self.assertEqual([self.registry.ports_of("alice", besides) for besides in ("", "tcp:20017")], [1, 0])
        self.registry.release_all("session", 0.0, held=True)
        self.assertEqual(self.registry.ports_of("alice", ""), 1)
        self.assertIn("TCP port 20017 is held", self.assert_refused(NAME_TAKEN, "tcp:20017", "other", "bob"))

    def test_who_could_claim(self) -> None:
        could = partial(self.registry.could_claim, "demo", now=0.0)
        self.assertEqual([could(owner) for owner in ("alice", "bob")], [True, True])
        self.claim("demo", "session", "alice")
        self.assertEqual([could(owner) for owner in ("alice", "bob")], [False, False])
        self.registry.away("session")
        self.assertEqual([could(owner) for owner in ("alice", "bob")], [True, False])
        self.registry.release_all("session", 0.0, held=True)
        self.assertEqual([could(owner) for owner in ("alice", "bob")], [True, False])
        self.assertTrue(self.registry.could_claim("demo", "bob", HOLD_SECONDS + 1))

    def test_releases_are_told(self) -> None:
        """Unless another tunnel takes the label over at once."""
        told: list[str] = []
        self.registry.released = told.append
        tunnel = self.claim("demo", "session", "alice")
        self.registry.away("session")
        self.claim("demo", "other", "alice")
        self.registry.release(tunnel, 0.0)
        self.assertEqual(told, [])
        self.registry.release_all("other", 0.0, held=True)
        self.assertEqual(told, ["demo"])

    def test_a_session_may_become_another_owner(self) -> None:
        """As a client without a key does when its address changes: from then on the names are the new owner's."""
        self.claim("one", "session", "alice")
        self.claim("two", "session", "alice")
        self.registry.adopt("session", "bob")
        self.assertEqual([tunnel.owner for tunnel in self.registry.tunnels_of("session")], ["bob", "bob"])
        self.registry.away("session")
        self.assert_refused(NAME_TAKEN, "one", "other", "alice")
        self.claim("one", "other", "bob")

    def test_no_owner_has_too_many_that_way(self) -> None:
        self.claim("one", "session", "alice")
        for name in ("two", "three", "four"):
            self.claim(name, "other", "bob")
        self.registry.adopt("session", "bob")
        self.assertEqual([tunnel.owner for tunnel in self.registry.tunnels_of("session")], ["alice"])

    def test_a_name_that_is_not_come_back_for(self) -> None:
        tunnel = self.claim("demo", "session", "alice")
        self.registry.release(tunnel, 0.0, held=True)
        self.registry.unhold("demo", "bob")
        self.assertTrue(self.registry.is_held("demo", 1.0))
        self.registry.unhold("demo", "alice")
        self.registry.unhold("demo", "alice")
        self.assertFalse(self.registry.is_held("demo", 1.0))
        self.claim("demo", "other", "bob")

    def test_a_hundred_claims_have_one_winner(self) -> None:
        winner = self.claim("demo", "session 0", "owner 0")
        for number in range(1, 100):
            self.assert_refused(NAME_TAKEN, "demo", f"session {number}", f"owner {number}")
        self.assertIs(self.registry.by_name["demo"], winner)

    def test_a_name_is_not_claimed_twice_by_its_own_session(self) -> None:
        self.claim("demo", "session", "alice")
        self.assert_refused(NAME_TAKEN, "demo", "session", "alice")

    def test_two_clients_of_one_owner_do_not_fight(self) -> None:
        """While the one is there, the other is refused, though they share a key."""
        self.claim("demo", "first", "alice")
        self.assert_refused(NAME_TAKEN, "demo", "second", "alice")

    def test_a_released_name_is_free_at_once(self) -> None:
        tunnel = self.claim("demo", "first", "alice")
        self.assertTrue(self.registry.release(tunnel, 1.0))
        self.assertNotIn("demo", self.registry.by_name)
        self.assertFalse(self.registry.is_held("demo", 1.0))
        self.claim("demo", "second", "bob", 1.0)

    def test_a_release_that_comes_late_takes_nothing_from_the_next_one(self) -> None:
        old = self.claim("demo", "first", "alice")
        self.registry.release(old, 1.0)
        new = self.claim("demo", "second", "bob", 1.0)
        self.assertFalse(self.registry.release(old, 2.0))
        self.assertFalse(self.registry.release(old, 2.0, held=True))
        self.assertIs(self.registry.by_name["demo"], new)

    def test_a_lost_session_leaves_its_names_held(self) -> None:
        """For its owner they are there at once, for nobody else before the window is over."""
        tunnels = [self.claim("demo", "first", "alice"), self.claim("docs-demo", "first", "alice")]
        self.assertEqual(self.registry.release_all("first", 10.0, held=True), tunnels)
        self.assertTrue(self.registry.is_held("demo", 10.0))
        self.assertIn("120 s", self.assert_refused(NAME_TAKEN, "demo", "second", "bob", 10.5))
        self.claim("demo", "third", "alice", 20.0)
        self.assertFalse(self.registry.is_held("demo", 20.0))
        self.assert_refused(NAME_TAKEN, "docs-demo", "second", "bob", 10.0 + HOLD_SECONDS - 0.1)
        self.claim("docs-demo", "second", "bob", 10.0 + HOLD_SECONDS)

    def test_a_session_that_takes_leave_frees_its_names(self) -> None:
        self.claim("demo", "first", "alice")
        self.registry.release_all("first", 10.0, held=False)
        self.claim("demo", "second", "bob", 10.0)
        self.assertEqual(self.registry.release_all("nobody", 10.0, held=True), [])

    def test_why_a_name_is_free_is_remembered_for_a_while(self) -> None:
        self.claim("bound", "first", "alice")
        self.registry.remember(["demo", "bound"], CLIENT_GONE, 10.0)
        self.assertEqual(self.registry.why_free("demo", 10.0 + HOLD_SECONDS - 0.1), CLIENT_GONE)
        self.assertIsNone(self.registry.why_free("demo", 10.0 + HOLD_SECONDS))
        self.assertIsNone(self.registry.why_free("bound", 10.0))
        self.assertIsNone(self.registry.why_free("other", 10.0))
        self.claim("demo", "second", "bob", 11.0)
        self.assertIsNone(self.registry.why_free("demo", 11.0))

    def test_so_many_names_are_remembered(self) -> None:
        """The oldest is forgotten first; one that is told again is not the oldest."""
        self.registry.remember((f"name-{number}" for number in range(REMEMBERED_LIMIT)), CLIENT_GONE, 0.0)
        self.registry.remember(["name-0", "one-more"], SESSION_EXPIRED, 1.0)
        found = [self.registry.why_free(name, 2.0) for name in ("name-0", "name-1", "name-2", "one-more")]
        self.assertEqual(found, [SESSION_EXPIRED, None, CLIENT_GONE, SESSION_EXPIRED])

    def test_holds_run_out(self) -> None:
        for label, now in (("one", 0.0), ("two", 5.0)):
            self.registry.release(self.claim(label, label, "alice", now), now, held=True)
        self.assertEqual(self.registry.expire(HOLD_SECONDS - 1), [])
        self.assertEqual(self.registry.expire(HOLD_SECONDS), ["one"])
        self.assertEqual(self.registry.expire(HOLD_SECONDS + 60), ["two"])

    def test_other_bounds(self) -> None:
        """They count for what comes; holds that began when they were longer go on, and run out in their order."""
        self.registry.release(self.claim("one", "one", "alice", 0.0), 0.0, held=True)
        self.registry.set_limits(10.0, 1, 5)
        self.assert_refused(TOO_MANY_TUNNELS, "two", "two", "alice")
        for label in ("two", "three"):
            self.registry.release(self.claim(label, label, label, 1.0), 1.0, held=True)
        self.registry.check_invariants()
        self.assertEqual(self.registry.expire(11.0), ["two", "three"])
        self.assertTrue(self.registry.is_held("one", HOLD_SECONDS - 1))
        self.assertEqual(self.registry.count_of("alice"), 1)

    def test_a_hold_that_has_run_out_counts_for_nothing(self) -> None:
        """Even if nobody has called `expire`."""
        self.registry.release(self.claim("demo", "first", "alice"), 0.0, held=True)
        self.assertFalse(self.registry.is_held("demo", HOLD_SECONDS))

    def test_a_client_that_is_back_before_its_old_session_ended(self) -> None:
        """It gets its name, and the caller is told which tunnel to end."""
        old = self.claim("demo", "first", "alice")
        self.registry.away("first")
        self.assert_refused(NAME_TAKEN, "demo", "thief", "bob")
        claim = self.registry.claim("demo", "second", "alice", 1.0, tunnel_id=2)
        self.assertEqual(claim.displaced, (old,))
        self.assertIs(self.registry.by_name["demo"], claim.tunnel)
        self.assertEqual(self.registry.tunnels_of("first"), [])
        self.assertEqual(self.registry.release_all("first", 2.0, held=True), [])

    def names(self, label: str, *also: str, session: str = "session", owner: str = "alice") -> Tunnel[str]:
        return self.registry.claim(label, session, owner, 0.0, tunnel_id=1, also=also).tunnel

    def test_several_names_of_one_tunnel(self) -> None:
        """They come and go together, and each counts."""
        tunnel = self.names("myapp", "*.myapp", "myapp")
        self.assertEqual(tunnel.names, ("myapp", "*.myapp"))
        self.assertEqual((self.registry.count_of("alice"), self.registry.tunnels_of("session")), (2, [tunnel]))
        self.names("third")
        self.assert_refused(TOO_MANY_TUNNELS, "more", "session", "alice")
        released: list[str] = []
        self.registry.released = released.append
        self.assertTrue(self.registry.release(tunnel, 0.0, held=True))
        self.assertEqual((released, self.registry.count_of("alice")), (["myapp", "*.myapp"], 3))
        self.assert_refused(NAME_TAKEN, "myapp", "other", "bob")
        self.assertEqual(self.names("*.myapp", session="second").names, ("*.myapp",))

    def test_all_names_or_none(self) -> None:
        self.names("other", session="elsewhere", owner="bob")
        with self.assertRaises(ProblemError) as caught:
            self.names("myapp", "other")
        self.assertIs(caught.exception.problem, NAME_TAKEN)
        self.assertEqual(list(self.registry.by_name), ["other"])

    def test_who_loses_one_name_loses_all_of_the_tunnel(self) -> None:
        ghost = self.names("myapp", "*.myapp", session="ghost")
        self.registry.away("ghost")
        claim = self.registry.claim("*.myapp", "session", "alice", 0.0, tunnel_id=1)
        self.assertEqual((claim.displaced, list(self.registry.by_name)), ((ghost,), ["*.myapp"]))

    def test_wildcards(self) -> None:
        """Stand for names that nobody has by themselves, the narrowest first."""
        self.names("*.myapp", session="wide")
        self.names("api.myapp", session="own")
        self.names("*.eu.myapp", session="narrow")
        for label, session in (
            ("x.myapp", "wide"),
            ("x.y.myapp", "wide"),
            ("api.myapp", "own"),
            ("x.api.myapp", "wide"),
            ("eu.myapp", "wide"),
            ("x.eu.myapp", "narrow"),
        ):
            tunnel = self.registry.find(label)
            self.assertEqual(tunnel and tunnel.upstream, session, label)
        self.assertEqual([self.registry.find(label) for label in ("myapp", "other", "x.other")], [None] * 3)

    def test_a_name_that_is_held_is_no_wildcards(self) -> None:
        """Whoever asks for it is told that its client is gone, rather than led to another service."""
        self.names("*.myapp")
        own = self.names("api.myapp", session="own")
        self.registry.release(own, 0.0, held=True)
        self.assertIsNone(self.registry.find("api.myapp"))
        self.registry.expire(HOLD_SECONDS + 1)
        self.assertIsNotNone(self.registry.find("api.myapp"))

    def test_a_wildcard_that_is_held(self) -> None:
        self.registry.release(self.names("*.myapp"), 0.0, held=True)
        self.assertTrue(self.registry.is_held("x.y.myapp", 1.0))
        self.assertFalse(self.registry.is_held("myapp", 1.0))
        self.registry.remember(["*.gone"], CLIENT_GONE, 0.0)
        self.assertEqual(
            (self.registry.why_free("a.gone", 1.0), self.registry.why_free("gone", 1.0)), (CLIENT_GONE, None)
        )

    def test_a_family_has_one_owner(self) -> None:
        """Whichever of its names came first, also while it is held."""
        for mine, others in (("myapp", ("x.myapp", "*.myapp")), ("*.app2", ("app2", "x.app2", "*.x.app2"))):
            tunnel = self.names(mine)
            for label in others:
                self.assertIn("belongs to whoever has", self.assert_refused(NAME_TAKEN, label, "thief", "bob"))
            self.registry.release(tunnel, 0.0, held=True)
            for label in others:
                self.assert_refused(NAME_TAKEN, label, "thief", "bob")
        self.registry.expire(HOLD_SECONDS + 1)
        self.names("*.myapp", session="thief", owner="bob")
        self.assert_refused(NAME_TAKEN, "myapp", "session", "alice")

    def test_names_of_somebodys_own_domain(self) -> None:
        """Are no family: each is proven by itself."""
        self.names("*.example.org.", session="wide")
        self.names("shop.example.org.", session="shop", owner="bob")
        for label, session in (("www.example.org.", "wide"), ("shop.example.org.", "shop"), ("example.org.", None)):
            tunnel = self.registry.find(label)
            self.assertEqual(tunnel and tunnel.upstream, session, label)

    def test_suggestions_are_nobodys_family(self) -> None:
        random = Random(1)
        name = self.registry.free_name(random, 0.0)
        self.names(f"*.{name}")
        self.assertNotEqual(self.registry.free_name(Random(1), 0.0), name)

    def test_a_session_that_is_back_keeps_its_names(self) -> None:
        self.claim("demo", "first", "alice")
        self.registry.away("first")
        self.registry.back("first")
        self.assert_refused(NAME_TAKEN, "demo", "second", "alice")

    def test_owners_that_count_as_one(self) -> None:
        """Names that anybody can make up for themselves are no reason to get more of the others."""
        for number in range(3):
            self.registry.claim(f"name-{number}", "session", f"owner {number}", 0.0, tunnel_id=number, account="alice")
        claim = partial(self.registry.claim, upstream="session", now=1.0, tunnel_id=9)
        with self.assertRaises(ProblemError):
            claim("more", owner="owner 9", account="alice")
        claim("more", owner="owner 9", account="bob")
        self.registry.release_all("session", 1.0, held=True)
        with self.assertRaises(ProblemError):
            claim("less", owner="owner 9", account="alice")
        with self.assertRaises(ProblemError):
            claim("more", owner="owner 9", account="alice")
        claim("name-0", owner="owner 0", account="alice")

    def test_a_session_may_move_to_another_account(self) -> None:
        self.registry.claim("one", "session", "key", 0.0, tunnel_id=1, account="here")
        self.registry.adopt("session", "key", "there")
        self.registry.check_invariants()
        [tunnel] = self.registry.tunnels_of("session")
        self.assertEqual((tunnel.owner, tunnel.account), ("key", "there"))

    def test_sessions_without_tunnels_come_and_go(self) -> None:
        self.registry.away("nobody")
        self.registry.back("nobody")
        self.registry.check_invariants()

    def test_an_owner_has_so_many_names_and_no_more(self) -> None:
        """Held ones count, or dropping links would be a way around; getting one's own back always works."""
        for label in ("one", "two", "three"):
            self.claim(label, "first", "alice")
        self.assert_refused(TOO_MANY_TUNNELS, "four", "first", "alice")
        self.registry.release_all("first", 1.0, held=True)
        self.assert_refused(TOO_MANY_TUNNELS, "four", "second", "alice", 2.0)
        self.claim("one", "second", "alice", 2.0)
        self.claim("four", "second", "alice", 1.0 + HOLD_SECONDS)

    def test_the_server_has_so_many_names_and_no_more(self) -> None:
        for number in range(5):
            self.claim(f"name-{number}", "session", f"owner {number}")
        self.assert_refused(OVERLOADED, "name-5", "session", "owner 5")

    def test_held_names_are_bounded_too(self) -> None:
        """Past the bound, the one that would be freed first is freed."""
        for number in range(20):
            now = float(number)
            self.registry.release(self.claim(f"name-{number}", "x", f"owner {number}", now), now, held=True)
            self.registry.check_invariants()
        held = [number for number in range(20) if self.registry.is_held(f"name-{number}", 20.0)]
        self.assertEqual(held, [15, 16, 17, 18, 19])

    def test_reserved_names(self) -> None:
        """They are their owner's alone, also when nothing is bound to them; others are anybody's."""

        class Alices:
            def refusal(self, label: str, owner: Hashable) -> ProblemError | None:
                return ProblemError(NAME_TAKEN, "It is alice's.") if label == "hers" and owner != "alice" else None

        self.registry.reservations = Alices()
        self.assertIn("alice's", self.assert_refused(NAME_TAKEN, "hers", "s1", "bob"))
        could = [self.registry.could_claim("hers", each, 0.0) for each in ("alice", "bob")]
        self.assertEqual(could, [True, False])
        self.claim("hers", "s2", "alice")
        self.claim("other", "s1", "bob")

        class All:
            def refusal(self, label: str, owner: Hashable) -> ProblemError | None:
                return ProblemError(NAME_TAKEN)

        self.registry.reservations = All()
        self.assertRaises(ProblemError, self.registry.free_name, Random(1), 0.0)

    def test_a_free_name_is_suggested(self) -> None:
        taken = self.registry.free_name(Random(1), 0.0)
        self.claim(taken, "session", "alice")
        other = self.registry.free_name(Random(1), 0.0)
        self.assertNotEqual(other, taken)
        self.claim(other, "session", "alice")

    def test_no_free_name_is_an_error_and_no_endless_loop(self) -> None:
        class Stuck(Random):
            def random(self) -> float:
                return 0.0

            def getrandbits(self, k: int) -> int:
                return 0

        self.claim(self.registry.free_name(Stuck(), 0.0), "session", "alice")
        error = self.assertRaises(ProblemError, self.registry.free_name, Stuck(), 0.0)
        self.assertIs(error.problem, INTERNAL)


NAMES = ["red", "green", "blue", "*.red", "a.red"]
LABELS = st.sampled_from(NAMES)
SESSIONS = st.integers(0, 3)


class RegistryModel(RuleBasedStateMachine):
    """The registry beside the plainest thing that could be right: one dict of who has what until when.

    Session number n belongs to owner n // 2, so each owner has two.
    """

    def __init__(self) -> None:
        super().__init__()
        self.registry: TunnelRegistry[int] = TunnelRegistry(hold_seconds=10.0, per_owner=3, total=100)
        self.now = 0.0
        self.bound: dict[str, Tunnel[int]] = {}
        self.held: dict[str, tuple[int, float]] = {}
        self.gone: set[int] = set()
        self.old: list[Tunnel[int]] = []

    def names_of(self, owner: int) -> int:
        bound = sum(tunnel.owner == owner for tunnel in self.bound.values())
        return bound + sum(holder == owner for holder, _ in self.held.values())

    def outcome(self, label: str, session: int, owner: int) -> Problem | None:
        """What the model says a claim comes to."""
        holder, _ = self.held.get(label, (owner, 0.0))
        if label in self.bound:
            tunnel = self.bound[label]
            mine = tunnel.owner == owner and tunnel.upstream != session and tunnel.upstream in self.gone
            if not mine:
                return NAME_TAKEN
        if holder != owner:
            return NAME_TAKEN
        family = {each for each in NAMES if each.endswith("red")} if label.endswith("red") else set()
        owners = {self.bound[each].owner for each in family & self.bound.keys()}
        if (owners | {self.held[each][0] for each in family & self.held.keys()}) - {owner}:
            return NAME_TAKEN
        if label not in self.held and label not in self.bound and self.names_of(owner) >= 3:
            return TOO_MANY_TUNNELS
        return None

    def end(self, label: str, held: bool) -> None:
        tunnel = self.bound.pop(label)
        self.old.append(tunnel)
        if held:
            assert isinstance(tunnel.owner, int)
            self.held[label] = (tunnel.owner, self.now + 10.0)
        self.forget_absent()

    def forget_absent(self) -> None:
        self.gone &= {tunnel.upstream for tunnel in self.bound.values()}

    @rule(label=LABELS, session=SESSIONS)
    def claim(self, label: str, session: int) -> None:
        owner = session // 2
        expected = self.outcome(label, session, owner)
        try:
            claim = self.registry.claim(label, session, owner, self.now, tunnel_id=0)
        except ProblemError as error:
            assert error.problem is expected
            return
        assert expected is None
        assert claim.displaced == ((self.bound[label],) if label in self.bound else ())
        self.bound[label] = claim.tunnel
        self.held.pop(label, None)
        self.forget_absent()

    @precondition(lambda self: self.bound)
    @rule(data=st.data(), held=st.booleans())
    def release(self, data: st.DataObject, held: bool) -> None:
        label = data.draw(st.sampled_from(sorted(self.bound)))
        assert self.registry.release(self.bound[label], self.now, held=held)
        self.end(label, held)

    @precondition(lambda self: self.old)
    @rule(data=st.data(), held=st.booleans())
    def release_late(self, data: st.DataObject, held: bool) -> None:
        assert not self.registry.release(data.draw(st.sampled_from(self.old)), self.now, held=held)

    @rule(session=SESSIONS, held=st.booleans())
    def release_all(self, session: int, held: bool) -> None:
        ended = {tunnel.label for tunnel in self.registry.release_all(session, self.now, held=held)}
        assert ended == {label for label, tunnel in self.bound.items() if tunnel.upstream == session}
        for label in ended:
            self.end(label, held)

    @rule(session=SESSIONS)
    def away(self, session: int) -> None:
        self.registry.away(session)
        self.gone.add(session)
        self.forget_absent()

    @rule(session=SESSIONS)
    def back(self, session: int) -> None:
        self.registry.back(session)
        self.gone.discard(session)

    @rule(seconds=st.sampled_from([0.0, 1.0, 5.0, 10.0]), told=st.booleans())
    def time_passes(self, seconds: float, told: bool) -> None:
        self.now += seconds
        self.held = {label: hold for label, hold in self.held.items() if hold[1] > self.now}
        if told:
            self.registry.expire(self.now)

    @invariant()
    def agree(self) -> None:
        self.registry.check_invariants()
        assert self.registry.by_name == self.bound
        for label in NAMES:
            held = label in self.held or (label == "a.red" and "*.red" in self.held)
            assert self.registry.is_held(label, self.now) == held


class RegistryModelTests(SynchronousTestCase):
    def test_any_order_of_events_agrees_with_the_model(self) -> None:
        run_state_machine_as_test(
            RegistryModel, settings=settings(max_examples=60, stateful_step_count=40, deadline=None, database=None)
        )
