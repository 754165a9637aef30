"""What every storage does: the same tests over memory, SQLite and PostgreSQL."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from threading import Thread
from typing import Any, cast

from sellia.storage.failures import Conflict, Missing, Unstorable
from sellia.storage.interface import (
    CHANGES_LIMIT,
    PAGE_LIMIT,
    Add,
    Change,
    Delete,
    Directory,
    Insert,
    Storage,
    Update,
    Used,
)
from sellia.storage.records import Account, Answer, Event, Key, LimitsClass, NameKind, ReservedName, Usage

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
DAY = date(2026, 3, 1)

#: Texts that are code to some database, shell or terminal, or at the edge of what a text can be.
HOSTILE = (
    "'; DROP TABLE accounts; --",
    '" OR ""="',
    "' OR 1=1 /*",
    "\\'; SELECT pg_sleep(10); --",
    "$$ $1 %s %(name)s :name ? {0} {{x}}",
    "a%b_c\\d",
    "x' UNION SELECT digest FROM keys --",
    "line\nbreak\r\ttab\x1b[31m\x7f\x01",
    "é ü \N{SNOWMAN} \N{GRINNING FACE} \N{RIGHT-TO-LEFT OVERRIDE}",
    "e\u0301 \u00e9",
    " leading and trailing ",
    "NULL",
    "",
    "x" * 1000,
)


def account(number: int | str = 1, **changes: Any) -> Account:
    return dataclasses.replace(Account(f"acc_{number}", f"team {number}", NOW), **changes)


def key(number: int | str = 1, **changes: Any) -> Key:
    digest = f"{number}".encode().rjust(32, b"\0")[:32]
    return dataclasses.replace(Key(f"key_{number}", "acc_1", "laptop", "sl_live_abcd", digest, NOW), **changes)


def name(text: str = "shop", **changes: Any) -> ReservedName:
    return dataclasses.replace(ReservedName(NameKind.SUBDOMAIN, text, NOW, "acc_1"), **changes)


def event(number: int = 1, **changes: Any) -> Event:
    return dataclasses.replace(Event(NOW + timedelta(seconds=number), "key.created", "acc_1"), **changes)


class StorageContract:
    """Mixed into a test case that has a `storage` in each test."""

    storage: Storage

    def write(self: Any, *changes: Change) -> None:
        self.storage.write(changes)

    def directory(self) -> Directory:
        return self.storage.directory()

    # The directory.

    def test_new_storage_has_the_default_limits_only(self: Any) -> None:
        found = self.directory()
        self.assertEqual((list(found.accounts), list(found.keys), list(found.names)), ([], [], []))
        self.assertEqual(list(found.limits), [LimitsClass("default")])

    def test_whether_there_are_keys(self: Any) -> None:
        self.write(Insert(account()))
        self.assertFalse(self.storage.has_keys())
        self.write(Insert(key(revoked_at=NOW)))
        self.assertTrue(self.storage.has_keys())

    def test_every_field_comes_back(self: Any) -> None:
        limits = LimitsClass("team", 1, 2, 3, 4, 5.5, 2**63 - 1)
        one = account(limits="team", note="for the shop", closed_at=NOW + timedelta(days=1))
        whole = Key(
            id="key_1",
            account_id="acc_1",
            name="ci",
            prefix="sl_live_abcd",
            digest=bytes(range(32)),
            created_at=NOW,
            scopes=("http", "admin:read"),
            names=("app-*", "shop"),
            networks=("10.0.0.0/8", "2001:db8::/32"),
            limits="team",
            expires_at=NOW + timedelta(days=2),
            revoked_at=NOW + timedelta(days=1),
            revoked_reason="lost",
            replaces="key_0",
        )
        names = [
            ReservedName(NameKind.SUBDOMAIN, "shop", NOW, "acc_1", "key_1"),
            ReservedName(NameKind.WILDCARD, "shop", NOW, "acc_1"),
            ReservedName(NameKind.DOMAIN, "www.example.com", NOW, "acc_1", proof="token", proved_at=NOW),
            ReservedName(NameKind.PORT, "tcp/20000", NOW, holder="digest", expires_at=NOW + timedelta(days=1)),
        ]
        self.write(Insert(limits), Insert(one), Insert(whole), *map(Insert, names))
        found = self.directory()
        self.assertEqual(list(found.accounts), [one])
        self.assertEqual(list(found.keys), [whole])
        self.assertCountEqual(found.names, names)
        self.assertCountEqual(found.limits, [LimitsClass("default"), limits])
        self.assertIs(type(found.names[0].kind), NameKind)
        self.assertNotIn("digest", repr(found.keys[0]))

    def test_update_replaces_a_record(self: Any) -> None:
        self.write(Insert(account()), Insert(key()), Insert(name()), Insert(LimitsClass("team")))
        changed = account(name="other", limits="team")
        revoked = key(revoked_at=NOW, scopes=("tcp",), limits="team")
        proved = name(proved_at=NOW, account_id=None)
        team = LimitsClass("team", clients=7)
        self.write(Update(changed), Update(revoked), Update(proved), Update(team))
        found = self.directory()
        self.assertEqual(list(found.accounts), [changed])
        self.assertEqual(list(found.keys), [revoked])
        self.assertEqual(list(found.names), [proved])
        self.assertIn(team, found.limits)

    def test_delete_takes_a_record_away(self: Any) -> None:
        self.write(Insert(account()), Insert(key()), Insert(name()), Insert(LimitsClass("team")))
        self.write(Delete(name()), Delete(key()), Delete(account()), Delete(LimitsClass("team")))
        found = self.directory()
        self.assertEqual((list(found.accounts), list(found.keys), list(found.names)), ([], [], []))
        self.write(Insert(account()), Insert(key()))

    def test_identities_are_unique(self: Any) -> None:
        self.write(Insert(account()), Insert(key()), Insert(name()))
        again = (
            (account(name="other"), "account"),
            (account(2, name="team 1"), "account 'team 1'"),
            (key(digest=b"x" * 32), "key 'key_1'"),
            (key(2, digest=key().digest), "key 'key_2'"),
            (name(account_id=None), "subdomain 'shop'"),
            (LimitsClass("default", clients=3), "limits class 'default'"),
        )
        for record, words in again:
            with self.assertRaises(Conflict) as caught:
                self.write(Insert(record))
            self.assertIn(words, str(caught.exception))
            self.assertNotIn("digest", str(caught.exception))
        self.write(Insert(account(2)))
        with self.assertRaises(Conflict):
            self.write(Update(account(2, name="team 1")))
        self.write(Update(account(2, note="the same name is no conflict")))

    def test_names_of_different_kinds_do_not_conflict(self: Any) -> None:
        self.write(Insert(account()), *(Insert(name(kind=kind)) for kind in NameKind))
        self.assertEqual(len(self.directory().names), 4)

    def test_texts_are_compared_exactly(self: Any) -> None:
        self.write(Insert(account()), Insert(account(2, name="TEAM 1")), Insert(account(3, name="team 1 ")))
        self.write(Insert(name("e\u0301")), Insert(name("\u00e9")))
        self.assertEqual(len(self.directory().accounts), 3)

    def test_what_a_record_names_must_exist(self: Any) -> None:
        self.write(Insert(account()))
        for record in (key(account_id="acc_9"), name(account_id="acc_9"), account(2, limits="no"), key(limits="no")):
            with self.assertRaises(Missing):
                self.write(Insert(record))
        self.write(Insert(key()))
        for changed in (account(limits="no"), key(account_id="acc_9"), account(9), key(9), name(), LimitsClass("no")):
            with self.assertRaises(Missing):
                self.write(Update(changed))
        for gone in (account(9), key(9), name(), LimitsClass("no")):
            with self.assertRaises(Missing):
                self.write(Delete(gone))

    def test_what_others_depend_on_stays(self: Any) -> None:
        self.write(Insert(LimitsClass("team")), Insert(account(limits="team")), Insert(account(2)))
        self.write(Insert(key()), Insert(name(account_id="acc_2")))
        for record in (LimitsClass("team"), account(), account(2)):
            with self.assertRaises(Conflict) as caught:
                self.write(Delete(record))
            self.assertIn("still in use", str(caught.exception))

    def test_last_use_is_set_alone(self: Any) -> None:
        self.write(Insert(account()), Insert(key()))
        self.write(Used("key_1", NOW, "192.0.2.1"), Used("key_9", NOW, "192.0.2.1"))
        self.write(Update(key(name="other")))
        found = self.directory().keys[0]
        self.assertEqual(found, key(name="other", last_used_at=NOW, last_used_from="192.0.2.1"))

    def test_other_time_zones_become_utc(self: Any) -> None:
        from datetime import timezone

        self.write(Insert(account(created_at=NOW.astimezone(timezone(timedelta(hours=5, minutes=30))))))
        found = self.directory().accounts[0].created_at
        self.assertEqual(found, NOW)

    # Transactions.

    def test_all_or_nothing(self: Any) -> None:
        self.write(
            Insert(account()), Insert(key()), Insert(name()), Insert(event()), Add(Usage("acc_1", "shop", DAY, 1))
        )
        before = self.directory()
        with self.assertRaises(Conflict):
            self.write(
                Insert(account(2)),
                Insert(event(2)),
                Add(Usage("acc_1", "shop", DAY, 5)),
                Add(Usage("acc_1", "other", DAY, 5)),
                Insert(Answer("key_1", "t", b"", 200, b"", NOW)),
                Used("key_1", NOW, "192.0.2.1"),
                Update(account(name="changed")),
                Delete(name()),
                Delete(key()),
                Insert(account(2)),
            )
        self.assertEqual(self.directory(), before)
        self.assertEqual(len(self.storage.events()), 1)
        self.assertEqual(self.storage.usage(DAY, DAY), [Usage("acc_1", "shop", DAY, 1)])
        self.assertIsNone(self.storage.answer("key_1", "t"))
        self.write(Insert(account(2)), Delete(name()), Insert(name()), Update(account(name="changed")))

    def test_revision_rises_with_the_directory_only(self: Any) -> None:
        self.write(Insert(account()), Insert(key()))
        start = self.storage.revision()
        self.assertEqual(self.directory().revision, start)
        self.write(Insert(event()), Add(Usage("acc_1", "x", DAY)), Used("key_1", NOW, "::1"))
        self.write(Insert(Answer("key_1", "t", b"", 200, b"", NOW)))
        self.assertEqual(self.storage.revision(), start)
        for change in (Insert(name()), Update(name(proof="x")), Delete(name())):
            before = self.storage.revision()
            self.write(change)
            self.assertGreater(self.storage.revision(), before)

    def test_nothing_to_write(self: Any) -> None:
        self.write()

    def test_changes_of_one_write_are_bounded(self: Any) -> None:
        self.write(*(Insert(event(each)) for each in range(CHANGES_LIMIT)))
        with self.assertRaises(Unstorable):
            self.write(*(Insert(event(each)) for each in range(CHANGES_LIMIT + 1)))
        self.assertEqual(len(self.storage.events(limit=10**6)), PAGE_LIMIT)

    def test_many_threads(self: Any) -> None:
        """Each of many writers sees its own change, and none is lost."""
        failures: list[BaseException] = []
        self.write(Insert(account()))

        def work(number: int) -> None:
            try:
                for each in range(10):
                    self.write(
                        Insert(name(f"n{number}-{each}")),
                        Insert(event()),
                        Add(Usage("acc_1", "shop", DAY, 1, 2, 3, 4, 0.5)),
                    )
                    if f"n{number}-{each}" not in {found.name for found in self.directory().names}:
                        raise AssertionError("not there")
            except BaseException as failure:
                failures.append(failure)

        threads = [Thread(target=work, args=(number,)) for number in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(failures, [])
        self.assertEqual(len(self.directory().names), 80)
        self.assertEqual(len(self.storage.events()), 80)
        self.assertEqual(self.storage.usage(DAY, DAY), [Usage("acc_1", "shop", DAY, 80, 160, 240, 320, 40.0)])

    # Hostile values.

    def test_code_in_every_field_is_text(self: Any) -> None:
        for number, text in enumerate(HOSTILE):
            one = Account(f"a{text}"[:1000], f"{text}{number}"[:1000], NOW, note=text)
            limits = LimitsClass(f"l{number}{text}"[:1000])
            held = Key(f"k{text}"[:1000], one.id, text, text, f"{number}".encode().rjust(32), NOW)
            held = dataclasses.replace(held, scopes=(text,), names=(text, text), networks=(text,), limits=limits.name)
            held = dataclasses.replace(held, revoked_reason=text, replaces=text)
            mine = ReservedName(NameKind.DOMAIN, f"{number}{text}"[:1000], NOW, one.id, text, text, None, text)
            told = Event(NOW, text, text, text, text, text, {text: text})
            used = Usage(text, text, DAY, 1)
            kept = Answer(text, text, b"'\0", 200, b"'; \0\xff", NOW)
            self.write(*(Insert(each) for each in (limits, one, held, mine, told, kept)), Add(used))
            self.write(Used(held.id, NOW, text[:1000]))
            found = self.directory()
            self.assertIn(one, found.accounts)
            self.assertIn(limits, found.limits)
            self.assertIn(dataclasses.replace(held, last_used_at=NOW, last_used_from=text), found.keys)
            self.assertIn(mine, found.names)
            self.assertEqual(
                self.storage.events(kind=text, account_id=text)[-1], dataclasses.replace(told, id=number + 1)
            )
            self.assertEqual(self.storage.usage(DAY, DAY, account_id=text, name=text), [used])
            self.assertEqual(self.storage.answer(text, text), kept)
            changed = dataclasses.replace(one, note=f"{text[:900]}!")
            self.write(Update(changed), Update(mine), Update(limits), Delete(mine), Delete(held), Delete(changed))
        self.assertEqual(len(self.directory().limits), len(HOSTILE) + 1)

    def test_what_no_database_holds_is_refused(self: Any) -> None:
        for text in ("a\0b", "\ud800", "x" * 1001):
            for record in (account(name=text), key(name=text), key(scopes=(text,)), name(text), LimitsClass(text)):
                with self.assertRaises(Unstorable) as caught:
                    self.write(Insert(account(5)), Insert(record))
                self.assertNotIn(text, str(caught.exception))
        for bad in (
            LimitsClass("a", clients=2**63),
            LimitsClass("a", clients=-1),
            LimitsClass("a", requests_per_second=float("nan")),
            key(digest=b"x" * 33),
            key(names=("x",) * 1001),
            Answer("a", "t", b"", 200, b"x" * (1024 * 1024 + 1), NOW),
        ):
            with self.assertRaises(Unstorable):
                self.write(Insert(bad))
        self.assertEqual(list(self.directory().accounts), [])

    def test_events_and_usage_of_strangers_are_mended(self: Any) -> None:
        bad = "a\0\ud800" + "x" * 2000
        good = "a\ufffd\ufffd" + "x" * 997
        detail: dict[str, str | int | float | bool | None] = {
            bad: bad,
            "n": float("nan"),
            "i": float("inf"),
            "big": 10**30,
        }
        self.write(
            Insert(Event(NOW, bad, bad, bad, bad, bad, cast("dict[str, str | float]", detail))),
            Add(Usage(bad, bad, DAY, 1)),
        )
        found = self.storage.events()[0]
        self.assertEqual((found.kind, found.account_id, found.key_prefix, found.address, found.subject), (good,) * 5)
        self.assertEqual(found.detail, {good: good, "n": None, "i": None, "big": 10**30})
        self.assertEqual(self.storage.usage(DAY, DAY), [Usage(good, good, DAY, 1)])
        self.write(Insert(event(detail={str(each): each for each in range(100)})))
        self.assertEqual(len(self.storage.events()[1].detail), 32)

    # Events.

    def test_events_have_growing_ids(self: Any) -> None:
        self.write(*(Insert(event(each)) for each in range(5)))
        self.write(Insert(event(5)))
        found = self.storage.events()
        ids = [each.id for each in found]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertEqual([each.at for each in found], [NOW + timedelta(seconds=each) for each in range(6)])

    def test_pages_of_events(self: Any) -> None:
        self.write(*(Insert(event(each)) for each in range(10)))
        every = self.storage.events()
        self.assertEqual(self.storage.events(limit=3), every[:3])
        self.assertEqual(self.storage.events(every[2].id, 3), every[3:6])
        self.assertEqual(self.storage.events(every[9].id), [])
        self.assertEqual(self.storage.events(limit=3, newest_first=True), every[:6:-1])
        self.assertEqual(self.storage.events(limit=3, newest_first=True, before=every[7].id), every[6:3:-1])
        self.assertEqual(self.storage.events(limit=0), [])
        self.assertEqual(self.storage.events(limit=-1), [])
        self.assertEqual(self.storage.events(2**63), [])

    def test_events_are_chosen(self: Any) -> None:
        self.write(
            Insert(event(0, kind="key.created")),
            Insert(event(1, kind="key.revoked", account_id="acc_2")),
            Insert(event(2, kind="keys.created")),
            Insert(event(3, kind="key")),
            Insert(event(4, kind="k_y.created", account_id=None)),
        )

        def seconds(**choice: Any) -> list[int]:
            return [round((each.at - NOW).total_seconds()) for each in self.storage.events(**choice)]

        self.assertEqual(seconds(kind="key"), [0, 1, 3])
        self.assertEqual(seconds(kind="key.created"), [0])
        self.assertEqual(seconds(kind="k_y"), [4])
        self.assertEqual(seconds(kind="k%"), [])
        self.assertEqual(seconds(account_id="acc_1"), [0, 2, 3])
        self.assertEqual(seconds(since=NOW + timedelta(seconds=1), until=NOW + timedelta(seconds=3)), [1, 2])
        self.assertEqual(seconds(kind="key", account_id="acc_1", newest_first=True), [3, 0])

    # Usage.

    def test_usage_adds_up(self: Any) -> None:
        self.write(Add(Usage("acc_1", "shop", DAY, 1, 2, 3, 4, 5.5)), Add(Usage("acc_1", "shop", DAY, 1, 1, 1, 1, 1.0)))
        self.write(Add(Usage("acc_1", "shop", DAY, 10, 20, 30, 2**62, 0.25)))
        self.assertEqual(self.storage.usage(DAY, DAY), [Usage("acc_1", "shop", DAY, 12, 23, 34, 2**62 + 5, 6.75)])

    def test_usage_stops_at_the_largest_number(self: Any) -> None:
        """A counter that would not fit any more stays at its maximum: the write is not lost for it."""
        self.write(Add(Usage("acc_1", "shop", DAY, 1, 0, 2**63 - 5, 2**63 + 5)))
        self.write(Add(Usage("acc_1", "shop", DAY, 1, 0, 10, 10)))
        found = self.storage.usage(DAY, DAY)[0]
        self.assertEqual((found.requests, found.bytes_in, found.bytes_out), (2, 2**63 - 1, 2**63 - 1))

    def test_pages_of_usage(self: Any) -> None:
        days = [DAY + timedelta(days=each) for each in range(3)]
        rows = [Usage(one, shown, day, 1) for day in days for one in ("a", "b") for shown in ("x", "y")]
        self.write(*map(Add, reversed(rows)))
        self.assertEqual(self.storage.usage(days[0], days[2]), rows)
        self.assertEqual(self.storage.usage(days[1], days[1]), rows[4:8])
        self.assertEqual(self.storage.usage(days[0], days[2], 5), rows[:5])
        last = rows[4]
        after = (last.day, last.account_id, last.name)
        self.assertEqual(self.storage.usage(days[0], days[2], 5, after=after), rows[5:10])
        self.assertEqual(self.storage.usage(days[0], days[2], account_id="b", name="y"), rows[3::4])

    def test_sums_of_usage(self: Any) -> None:
        later = DAY + timedelta(days=1)
        self.write(
            Add(Usage("b", "x", DAY, 1, 1, 1, 1, 1.0)),
            Add(Usage("a", "x", DAY, 1, 2, 3, 4, 5.0)),
            Add(Usage("a", "y", later, 1, 2, 3, 4, 5.0)),
            Add(Usage("a", "y", later + timedelta(days=1), 9)),
        )
        expected = [Usage("a", "", DAY, 2, 4, 6, 8, 10.0), Usage("b", "", DAY, 1, 1, 1, 1, 1.0)]
        self.assertEqual(self.storage.usage_sums(DAY, later), expected)
        days = [Usage("", "", DAY, 2, 3, 4, 5, 6.0), Usage("", "", later, 1, 2, 3, 4, 5.0)]
        self.assertEqual(self.storage.usage_days(DAY, later), days)
        self.assertEqual(self.storage.usage_days(DAY, later, "b"), [Usage("", "", DAY, 1, 1, 1, 1, 1.0)])
        self.assertEqual(self.storage.usage_days(DAY, later, "nobody"), [])

    # Answers, and what is thrown away.

    def test_answers_are_kept_for_their_caller(self: Any) -> None:
        kept = Answer("key_1", "t", b"d" * 32, 201, b"{}", NOW)
        self.write(Insert(kept))
        self.assertEqual(self.storage.answer("key_1", "t"), kept)
        self.assertIsNone(self.storage.answer("key_2", "t"))
        self.assertIsNone(self.storage.answer("key_1", "u"))
        with self.assertRaises(Conflict):
            self.write(Insert(account()), Insert(kept))
        self.assertEqual(list(self.directory().accounts), [])

    def test_old_rows_go(self: Any) -> None:
        self.write(*(Insert(event(each)) for each in range(5)))
        self.write(*(Add(Usage("a", "x", DAY + timedelta(days=each))) for each in range(5)))
        self.write(*(Insert(Answer("a", f"{each}", b"", 200, b"", NOW + timedelta(days=each))) for each in range(5)))
        self.assertEqual(self.storage.prune(), 0)
        self.assertEqual(self.storage.prune(events_before=NOW + timedelta(seconds=3), limit=2), 2)
        self.assertEqual(self.storage.prune(events_before=NOW + timedelta(seconds=3), limit=2), 1)
        self.assertEqual(self.storage.prune(events_before=NOW + timedelta(seconds=3), limit=2), 0)
        self.assertEqual(len(self.storage.events()), 2)
        count = self.storage.prune(usage_before=DAY + timedelta(days=2), answers_before=NOW + timedelta(days=1))
        self.assertEqual(count, 3)
        self.assertEqual(len(self.storage.usage(DAY, DAY + timedelta(days=9))), 3)
        self.assertIsNone(self.storage.answer("a", "0"))
        self.assertIsNotNone(self.storage.answer("a", "1"))

    def test_ids_of_events_are_never_given_again(self: Any) -> None:
        self.write(Insert(event(1)))
        first = self.storage.events()[0].id
        self.storage.prune(events_before=NOW + timedelta(days=1))
        self.write(Insert(event(2)))
        self.assertGreater(self.storage.events()[0].id, first)
