"""The store: its bound, what it lets go of first, and what it tells of it."""

import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.exchange import Exchange, new_exchange
from sellia.inspector.model import End
from sellia.inspector.store import GONE_LIMIT, LEAST_MEMORY, MIB, Lost, Store
from sellia.inspector.timeline import Timeline


def begin(store: Store, size: int = 0, **values: object) -> Exchange:
    """An exchange with a request body of so many bytes, which goes on."""
    number = store.next_number()
    exchange = new_exchange(number, "http", started=float(number), **values)
    store.add(exchange)
    if size:
        store.grown(exchange, exchange.request_body.add(b"x" * size, 1.0, store.kept_limit))
    return exchange


def finish(store: Store, exchange: Exchange) -> Exchange:
    exchange.ended, exchange.end = exchange.started + 1, End("service")
    store.over(exchange)
    return exchange


class BoundTests(SynchronousTestCase):
    def test_the_oldest_that_is_over_goes_first(self) -> None:
        store = Store(MIB)
        first_open = begin(store, 100_000)
        over = [finish(store, begin(store, 100_000)) for _ in range(20)]
        store.check_invariants()
        self.assertIs(store.get(first_open.number), first_open)
        gone = [each.evicted for each in over]
        self.assertEqual(gone, sorted(gone, reverse=True))
        self.assertEqual(store.lost.exchanges, sum(gone))
        self.assertEqual(store.lost.octets, sum(gone) * 100_000)
        self.assertEqual(store.lost.until, max(each.started for each in over if each.evicted))

    def test_then_open_ones_and_what_passes_on_is_counted(self) -> None:
        store = Store(MIB)
        opened = [begin(store, 100_000) for _ in range(20)]
        store.check_invariants()
        self.assertTrue(opened[0].evicted)
        self.assertFalse(opened[-1].evicted)
        self.assertEqual(len(opened[0].request_body.data), 0)
        store.grown(opened[0], 1000)
        store.passed_unkept(500, 1)
        store.check_invariants()
        self.assertEqual(store.lost.frames, 1)
        self.assertIsNone(store.get(opened[0].number))

    def test_what_the_user_keeps_goes_last(self) -> None:
        store = Store(MIB)
        kept = finish(store, begin(store, 100_000))
        store.keep(kept, True)
        for _ in range(30):
            finish(store, begin(store, 100_000))
        self.assertFalse(kept.evicted)
        store.keep(kept, False)
        for _ in range(30):
            finish(store, begin(store, 100_000))
        self.assertTrue(kept.evicted)

    def test_even_what_is_kept_goes_when_nothing_else_is_left(self) -> None:
        store = Store(MIB)
        for _ in range(30):
            store.keep(finish(store, begin(store, 100_000)), True)
        store.check_invariants()

    def test_one_that_grows_pushes_out_the_others(self) -> None:
        store = Store(MIB)
        old = [finish(store, begin(store, 10_000)) for _ in range(50)]
        growing = begin(store)
        for _ in range(100):
            store.grown(growing, growing.response_body.add(b"x" * 10_000, 1.0, MIB))
            store.check_invariants()
        self.assertGreater(sum(each.evicted for each in old), 40)
        self.assertFalse(growing.evicted)

    def test_limits_shrink_with_the_memory(self) -> None:
        for memory in (LEAST_MEMORY, 4 * MIB, 64 * MIB, 1024 * MIB):
            store = Store(memory)
            self.assertLessEqual(2 * store.kept_limit + store.timeline_limit, memory)
            self.assertGreaterEqual(store.timeline_limit, store.kept_limit)
        self.assertEqual(Store().kept_limit, MIB)

    def test_frames_of_what_is_let_go_of_are_counted(self) -> None:
        store = Store(MIB)
        exchange = begin(store)
        exchange.timeline = Timeline(limit=store.timeline_limit, message_limit=store.kept_limit)
        for _ in range(10):
            store.grown(exchange, exchange.timeline.add(1.0, True, 0x81, b"abc"))
        finish(store, exchange)
        for _ in range(12):
            finish(store, begin(store, 100_000))
        self.assertEqual((exchange.evicted, store.lost.frames), (True, 10))

    def test_memory_as_measured(self) -> None:
        """What the store believes to use is no less than what Python has allocated, give or take a tenth."""
        for size in (0, 100, 10_000):
            tracemalloc.start()
            try:
                store = Store(4 * MIB)
                before = tracemalloc.get_traced_memory()[0]
                while not store.lost.exchanges:
                    headers = [(b"Name-%d" % n, b"value of it %d" % (n + store.begun)) for n in range(8)]
                    exchange = begin(store, target=b"/path/%d" % store.begun, request_headers=headers)
                    exchange.timeline = line = Timeline(limit=store.timeline_limit, message_limit=store.kept_limit)
                    for n in range(20):
                        store.grown(exchange, line.add(1.0 + n, True, 0x82, b"%0*d" % (size, n)))
                    finish(store, exchange)
                used = tracemalloc.get_traced_memory()[0] - before
            finally:
                tracemalloc.stop()
            self.assertLess(used, 1.1 * store.used, size)


class SubscriptionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = Store(MIB)
        self.woken = 0
        self.subscription = self.store.subscribe(self.wake)

    def wake(self) -> None:
        self.woken += 1

    def test_woken_once_until_it_has_looked(self) -> None:
        exchange = begin(self.store, 10)
        for _ in range(5):
            self.store.grown(exchange, 1)
        begin(self.store)
        self.assertEqual(self.woken, 1)
        changed, gone = self.subscription.take()
        self.assertEqual([each.number for each in changed], [1, 2])
        self.assertEqual(gone, [])
        self.assertEqual(self.subscription.take(), ([], []))
        self.store.grown(exchange, 1)
        self.assertEqual(self.woken, 2)

    def test_each_has_its_own(self) -> None:
        other = self.store.subscribe(lambda: None)
        exchange = begin(self.store)
        self.subscription.take()
        self.store.grown(exchange, 1)
        self.assertEqual(self.subscription.take()[0], [exchange])
        self.assertEqual(other.take()[0], [exchange])
        other.close()
        self.store.grown(exchange, 1)
        self.assertEqual(other.take()[0], [])

    def test_what_is_gone_is_told_and_not_held(self) -> None:
        first = finish(self.store, begin(self.store, 100_000))
        for _ in range(15):
            finish(self.store, begin(self.store, 100_000))
        changed, gone = self.subscription.take()
        self.assertIn(first.number, gone)
        self.assertNotIn(first, changed)

    def test_bounded_for_one_who_never_looks(self) -> None:
        for _ in range(GONE_LIMIT + 100):
            self.store.remove(begin(self.store))
        changed, gone = self.subscription.take()
        self.assertEqual((len(changed), len(gone), gone[-1]), (0, GONE_LIMIT, GONE_LIMIT + 100))


class ReadingTests(SynchronousTestCase):
    def test_by_number_and_id(self) -> None:
        store = Store(MIB)
        exchange = begin(store)
        self.assertIs(store.get(exchange.id), exchange)
        self.assertIs(store.get(exchange.number), exchange)
        for wrong in ("", "0", "2", "x", "-1", "٣", "1" * 50, " 1"):
            self.assertIsNone(store.get(wrong), wrong)

    def test_after(self) -> None:
        store = Store(MIB)
        begun = [begin(store) for _ in range(10)]
        self.assertEqual(store.after(7), begun[7:])
        self.assertEqual(store.after(2, 3), begun[2:5])
        self.assertEqual(store.after(10), [])
        self.assertEqual(list(store), begun)
        self.assertEqual(list(store.newest_first()), begun[::-1])
        self.assertEqual((store.first, len(store)), (1, 10))

    def test_clear(self) -> None:
        store = Store(MIB)
        for _ in range(15):
            finish(store, begin(store, 100_000))
        going_on = begin(store)
        kept = finish(store, begin(store))
        store.keep(kept, True)
        store.clear()
        self.assertEqual(list(store), [going_on, kept])
        self.assertEqual(store.lost, Lost())
        store.check_invariants()
