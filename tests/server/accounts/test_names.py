"""Names that are reserved or kept: whose they are, for how long, how many, and what of them is written."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import NAME_RESERVED, NAME_TAKEN
from sellia.server.accounts.holders import OPERATOR, Holder, place_of, stranger
from sellia.server.accounts.live import LiveDirectory
from sellia.server.accounts.names import AGAIN, KEEP, KEPT, KEPT_EACH, Names, moment
from sellia.storage.interface import Change, Delete, Insert, Update
from sellia.storage.records import Account, NameKind, ReservedName

MINE, THEIRS = Holder("acc_mine"), Holder("acc_theirs")


class NamesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.live = LiveDirectory()
        self.live.apply(
            [Insert(Account(each.account_id or "", each.account_id or "", moment(0))) for each in (MINE, THEIRS)]
        )
        self.names = Names(self.live)

    def tearDown(self) -> None:
        self.names.check_invariants()

    def reserve(self, kind: NameKind, name: str, **more: Any) -> None:
        self.live.apply([Insert(ReservedName(kind, name, moment(0), **more))])

    def written(self) -> list[tuple[str, str]]:
        """What is written now: what is done, and to which name."""
        changes: list[Any] = self.names.unwritten(100)
        self.live.apply(changes)
        return [(type(each).__name__, each.record.name) for each in changes]

    def problem(self, label: str, owner: object) -> Any:
        refusal = self.names.refusal(label, owner)  # type: ignore[arg-type]
        return refusal.problem if refusal is not None else None


class ReservedTests(NamesCase):
    def test_whose_they_are(self) -> None:
        self.reserve(NameKind.SUBDOMAIN, "demo", account_id="acc_mine")
        self.reserve(NameKind.PORT, "tcp/20000", account_id="acc_mine")
        self.reserve(NameKind.SUBDOMAIN, "status-page")
        for label in ("demo", "tcp:20000"):
            owners = (MINE, THEIRS, OPERATOR, None, ("address", "192.0.2.1"))
            self.assertEqual([self.problem(label, each) for each in owners], [None, *[NAME_TAKEN] * 4])
        self.assertIs(self.problem("status-page", MINE), NAME_RESERVED)
        self.assertIsNone(self.problem("other", None))

    def test_a_domain_without_its_proof(self) -> None:
        self.reserve(NameKind.DOMAIN, "www.example.com", account_id="acc_mine", proof="x")
        self.assertEqual([self.problem("www.example.com.", each) for each in (MINE, THEIRS)], [None, None])
        record = self.live.names[NameKind.DOMAIN, "www.example.com"]
        self.live.apply([Update(replace(record, proved_at=moment(1)))])
        self.assertEqual([self.problem("www.example.com.", each) for each in (MINE, THEIRS)], [None, NAME_TAKEN])

    def test_they_are_not_kept_besides(self) -> None:
        self.reserve(NameKind.SUBDOMAIN, "demo", account_id="acc_mine")
        self.names.used("demo", MINE, 0.0)
        self.assertEqual((self.names.count, self.written()), (0, []))


class KeptTests(NamesCase):
    def test_for_a_day(self) -> None:
        self.names.used("demo", MINE, 0.0)
        self.assertEqual([self.problem("demo", each) for each in (MINE, THEIRS)], [None, NAME_TAKEN])
        self.names.used("demo", THEIRS, 10.0)
        self.assertIs(self.problem("demo", THEIRS), NAME_TAKEN)
        self.names.expire(KEEP - 1)
        self.assertIs(self.problem("demo", THEIRS), NAME_TAKEN)
        self.names.expire(KEEP)
        self.assertIsNone(self.problem("demo", THEIRS))

    def test_not_domains(self) -> None:
        self.names.used("www.example.com.", MINE, 0.0)
        self.assertEqual(self.names.count, 0)

    def test_not_for_addresses(self) -> None:
        self.names.used("demo", ("address", "192.0.2.1"), 0.0)
        self.assertEqual(self.names.count, 0)

    def test_what_is_written(self) -> None:
        """Each use that changes much, once, and the end."""
        self.names.used("demo", MINE, 0.0)
        self.assertEqual(self.written(), [("Insert", "demo")])
        self.names.used("demo", MINE, 1.0)
        self.assertEqual(self.written(), [])
        self.names.used("demo", MINE, AGAIN + 2)
        self.assertEqual(self.written(), [("Update", "demo")])
        self.names.expire(AGAIN + 2 + KEEP)
        self.assertEqual((self.written(), self.written(), self.live.names), ([("Delete", "demo")], [], {}))

    def test_what_cannot_be_written(self) -> None:
        self.names.used("demo", MINE, 0.0)
        changes = self.names.unwritten(100)
        self.assertEqual(self.names.unwritten(100), [])
        self.names.put_back(changes)
        self.assertEqual(self.written(), [("Insert", "demo")])

    def test_what_was_given_up_before_it_was_written(self) -> None:
        self.names.used("demo", MINE, 0.0)
        self.assertTrue(self.names.forget(place_of("demo")))
        self.assertFalse(self.names.forget(place_of("demo")))
        self.assertEqual(self.written(), [])

    def test_an_account_that_was_deleted(self) -> None:
        self.names.used("demo", MINE, 0.0)
        self.written()
        self.live.apply([Delete(each) for each in list(self.live.names.values())])
        self.live.apply([Delete(self.live.accounts["acc_mine"])])
        self.names.used("demo", MINE, AGAIN * 2)
        self.assertEqual((self.written(), self.names.count), ([], 0))

    def test_after_a_restart(self) -> None:
        for label, owner in (("demo", MINE), ("strange", stranger("key")), ("tcp:20000", MINE)):
            self.names.used(label, owner, 0.0, "tcp web" if ":" in label else None)
        self.written()
        again = Names(self.live)
        again.loaded(1000.0)
        again.check_invariants()
        self.assertEqual([again.refusal("demo", each) is None for each in (MINE, THEIRS)], [True, False])
        self.assertIsNone(again.refusal("strange", stranger("key")))
        self.assertEqual(again.port_of(MINE, "tcp web"), [place_of("tcp:20000")])
        late = Names(self.live)
        late.loaded(KEEP + 1)
        self.assertEqual(late.count, 0)
        self.assertEqual(len(late.unwritten(100)), 3, "what is over is deleted")

    def test_what_is_not_written_outlives_a_look(self) -> None:
        """The directory is read anew, and does not know yet what happened here."""
        self.names.used("demo", MINE, 0.0)
        self.names.loaded(1.0)
        self.assertEqual(self.names.count, 1)
        self.written()
        self.live.apply([Delete(each) for each in list(self.live.names.values())])
        self.names.loaded(2.0)
        self.assertEqual(self.names.count, 0, "another server has released it")

    def test_so_many_of_one_holder(self) -> None:
        for number in range(KEPT_EACH + 5):
            self.names.used(f"name-{number}", MINE, float(number))
        self.assertEqual(self.names.count, KEPT_EACH)
        self.assertIsNone(self.problem("name-0", THEIRS))
        self.assertIs(self.problem("name-9", THEIRS), NAME_TAKEN)

    def test_so_many_in_all(self) -> None:
        for number in range(KEPT + 10):
            self.names.used(f"name-{number}", stranger(str(number // 10)), float(number))
        self.assertEqual(self.names.count, KEPT)


class NamesModel(RuleBasedStateMachine):
    """Uses, writes, failures and restarts in any order: what is written is what is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.live = LiveDirectory()
        self.live.apply([Insert(Account("acc_mine", "mine", moment(0)))])
        self.names = Names(self.live)
        self.now = 1e9

    @rule(number=st.integers(0, 4), mine=st.booleans())
    def use(self, number: int, mine: bool) -> None:
        self.names.used(f"name-{number}", MINE if mine else stranger("key"), self.now)

    @rule(seconds=st.floats(1, KEEP))
    def time(self, seconds: float) -> None:
        self.now += seconds
        self.names.expire(self.now)

    @rule(fails=st.booleans(), limit=st.integers(1, 3))
    def write(self, fails: bool, limit: int) -> None:
        changes: list[Change] = self.names.unwritten(limit)
        if fails:
            self.names.put_back(changes)
        else:
            self.live.apply(changes)

    @rule(number=st.integers(0, 4))
    def release(self, number: int) -> None:
        self.names.forget(place_of(f"name-{number}"))

    @rule()
    def restart(self) -> None:
        while changes := self.names.unwritten(2):
            self.live.apply(changes)
        kept = {place: each.holder for place, each in self.names.all_kept()}
        self.names = Names(self.live)
        self.names.loaded(self.now)
        assert {place: each.holder for place, each in self.names.all_kept()} == kept

    @invariant()
    def in_order(self) -> None:
        self.names.check_invariants()
        assert all(each.until > self.now - timedelta(days=2).total_seconds() for _, each in self.names.all_kept())


class ModelTests(SynchronousTestCase):
    def test_any_order(self) -> None:
        run_state_machine_as_test(NamesModel, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))  # type: ignore[no-untyped-call]
