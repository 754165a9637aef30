"""Reading of parcels in parts: how many records at once, and what is done in between."""

from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol import native
from sellia.relay.mux.parcel_reader import RECORDS_AT_ONCE, ParcelReader, Record


def parcel(records: int) -> bytes:
    return bytes(native.PARCEL_HEADER) + native.pack_record(native.DATA, 0, 2, 0) * records


class ParcelReaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.done: list[int | str] = []
        self.over = False
        self.reader = ParcelReader(self.act, lambda: self.done.append("part"), self.done.append)

    def act(self, records: Iterator[Record]) -> bool:
        self.done.append(f"{len(list(records))} records")
        return not self.over

    def test_a_short_one_at_once(self) -> None:
        self.reader.begin(parcel(3), 7)
        self.assertEqual((self.done, self.reader.rest is not None), (["3 records", 7], False))

    def test_one_without_records(self) -> None:
        self.reader.begin(parcel(0), 7)
        self.assertEqual(self.done, ["0 records", 7])

    def test_parts(self) -> None:
        self.reader.begin(parcel(2 * RECORDS_AT_ONCE + 1), 7)
        self.assertEqual((self.done, self.reader.rest is not None), ([f"{RECORDS_AT_ONCE} records", "part"], True))
        self.reader.finish()
        expected = [f"{RECORDS_AT_ONCE} records", "part"] * 2 + ["1 records", 7]
        self.assertEqual((self.done, self.reader.rest is not None), (expected, False))

    def test_as_many_as_a_part_has(self) -> None:
        """The last part is known to be the last, so nothing is left over that has no record in it."""
        self.reader.begin(parcel(RECORDS_AT_ONCE), 7)
        self.assertEqual((self.done, self.reader.rest is not None), ([f"{RECORDS_AT_ONCE} records", 7], False))

    def test_nothing_after_the_end(self) -> None:
        self.over = True
        self.reader.begin(parcel(2 * RECORDS_AT_ONCE), 7)
        self.assertEqual((self.done, self.reader.rest is not None), ([f"{RECORDS_AT_ONCE} records"], False))

    def test_what_is_dropped(self) -> None:
        self.reader.begin(parcel(2 * RECORDS_AT_ONCE), 7)
        self.reader.drop()
        self.reader.go_on()
        self.assertEqual((self.done, self.reader.rest is not None), ([f"{RECORDS_AT_ONCE} records", "part"], False))
