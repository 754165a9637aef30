"""The limits fit together: what one allows, the others must not make impossible."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol import limits, native


class LimitsTests(SynchronousTestCase):
    """Relations that the relay depends on."""

    def test_every_record_fits_into_the_credit_of_a_stream_that_has_read_all(self) -> None:
        """Up to a quarter of the window may be owed by the receiver; what is left must carry the largest record."""
        left = limits.INITIAL_CREDIT * 3 // 4
        self.assertLessEqual(max(limits.HEAD_LIMIT, limits.RECORD_LIMIT) + limits.RECORD_COST, left)

    def test_the_largest_parcel_fits_into_a_link_message(self) -> None:
        largest = limits.PARCEL_TARGET + native.RECORD_HEADER + max(limits.HEAD_LIMIT, limits.RECORD_LIMIT)
        self.assertLess(largest + native.PARCEL_HEADER, limits.LINK_MESSAGE_LIMIT)

    def test_acks_come_before_the_sender_must_stop(self) -> None:
        self.assertLess(limits.ACK_EVERY + limits.LINK_MESSAGE_LIMIT, limits.REPLAY_LIMIT)

    def test_an_honest_peer_stays_below_the_limit_of_urgent_records(self) -> None:
        """For each stream a reset with a sentence, and four grants of credit."""
        reset = native.RECORD_HEADER + 200 + limits.RECORD_COST
        credit = native.RECORD_HEADER + 4 + limits.RECORD_COST
        self.assertLess(limits.MAX_STREAMS * (reset + 4 * credit), limits.URGENT_LIMIT)

    def test_one_stream_cannot_use_up_what_the_session_may_hold(self) -> None:
        self.assertLess(limits.MAX_CREDIT * 10, limits.SESSION_HELD_LIMIT)
