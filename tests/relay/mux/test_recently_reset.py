"""What may be late after a reset, until when, and of how many streams that is remembered."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.limits import LINGERING_LIMIT
from sellia.relay.mux.recently_reset import RecentlyReset


class LingeringTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lingering = RecentlyReset()

    def test_until_the_peer_has_built_a_parcel_that_knows_of_the_reset(self) -> None:
        self.lingering.add(2)
        self.lingering.left_in(7)
        self.lingering.outlived(6)
        self.assertTrue(self.lingering.excuses(2))
        self.lingering.outlived(7)
        self.assertFalse(self.lingering.excuses(2))
        self.assertFalse(self.lingering)

    def test_a_reset_that_has_not_left_is_not_known_to_the_peer(self) -> None:
        self.lingering.add(2)
        self.lingering.outlived(100)
        self.assertTrue(self.lingering.excuses(2))

    def test_each_by_its_own_parcel(self) -> None:
        self.lingering.add(2)
        self.lingering.left_in(1)
        self.lingering.add(4)
        self.lingering.left_in(2)
        self.lingering.outlived(1)
        self.assertEqual((self.lingering.excuses(2), self.lingering.excuses(4)), (False, True))

    def test_others_have_no_excuse(self) -> None:
        self.assertFalse(self.lingering.excuses(2))

    def test_the_bound(self) -> None:
        """The oldest are forgotten, and forgiven; those of the other parity are not."""
        for number in range(2, 2 * LINGERING_LIMIT + 4, 2):
            self.lingering.add(number)
        self.assertEqual(len(self.lingering), LINGERING_LIMIT)
        self.lingering.left_in(1)
        self.lingering.outlived(1)
        self.assertEqual(
            [self.lingering.excuses(number) for number in (2, 4, 2 * LINGERING_LIMIT + 2, 1)],
            [True, False, False, False],
        )
