"""What is believed of what the other end says about an end."""

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol import native
from sellia.protocol.messages import NO_WHY, Ending, Notice, Refused, Reset, Why
from sellia.relay.mux.causes import believed, why_of
from sellia.why.cause import EVIDENCE, FACT_SHOWN, Cause
from sellia.why.websocket import Told


class BelievedTests(SynchronousTestCase):
    def test_a_cause_comes_out_as_it_went_in(self) -> None:
        cause = Cause("x-1", "proxy", "idle-timeout", "It was idle.", "Ping.", {"silent": 59.5, "how": "FIN", "n": 3})
        self.assertEqual(believed(why_of(cause)), Told("proxy", "idle-timeout", {"silent": 59.5, "how": "FIN", "n": 3}))
        self.assertIs(why_of(None), NO_WHY)
        self.assertIsNone(believed(NO_WHY))

    def test_what_is_none(self) -> None:
        for why in (
            Why("nobody", "dropped"),
            Why("service", ""),
            Why("service", "Dropped"),
            Why("service", "dropped\n"),
            Why("service", "x" * 41),
            Why("", "dropped"),
        ):
            self.assertIsNone(believed(why), why)

    def test_facts_that_are_none(self) -> None:
        nan, infinite = float("nan"), float("inf")
        why = Why(
            "service",
            "dropped",
            {"nan": nan, "inf": infinite, "big": 1 << 60, "BAD": 1, "a b": 1, "": 1, "long": "x" * 5000, "good": 1},
        )
        told = believed(why)
        assert told is not None
        self.assertEqual(told.evidence, {"good": 1})

    def test_bounds(self) -> None:
        told = believed(Why("service", "dropped", {f"f{n}": "x" * FACT_SHOWN * 3 for n in range(EVIDENCE * 2)}))
        assert told is not None
        self.assertEqual(len(told.evidence), EVIDENCE)
        self.assertEqual({len(str(fact)) for fact in told.evidence.values()}, {FACT_SHOWN + 1})


class OldEnding(msgspec.Struct, frozen=True, array_like=True, tag="ending"):
    """The message as peers have it that do not know ``why``."""

    by: str = ""
    dropped: bool = False
    frames: int = -1
    bytes: int = -1


class OldReset(msgspec.Struct, frozen=True, array_like=True, tag="reset"):
    word: str
    message: str = ""
    frames: int = -1
    bytes: int = -1


class OldNotice(msgspec.Struct, frozen=True, array_like=True, tag="notice"):
    tunnel: int
    status: int
    word: str
    message: str = ""
    method: str = ""
    target: bytes = b""
    visitor: str = ""
    websocket: bool = False
    suppressed: int = 0


class OldRefused(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    word: str
    message: str
    final: bool


class VersionTests(SynchronousTestCase):
    """Old and new peers understand each other; the old ones say and learn less."""

    PAIRS = (
        (Ending("service", True, 3, 30, Why("service", "dropped", {"n": 1})), OldEnding("service", True, 3, 30)),
        (
            Reset("service-died", "It died.", 3, 30, Why("service", "dropped")),
            OldReset("service-died", "It died.", 3, 30),
        ),
        (Notice(1, 429, "rate-limited", id="9f3a61c2-n1"), OldNotice(1, 429, "rate-limited")),
        (Refused("wrong-key", "No.", True, "r-1"), OldRefused("wrong-key", "No.", True)),
    )

    def test_new_to_old(self) -> None:
        for new, old in self.PAIRS:
            self.assertEqual(msgspec.msgpack.decode(native.encode(new), type=type(old)), old)

    def test_old_to_new(self) -> None:
        ending = native.decode_ending(msgspec.msgpack.encode(OldEnding("service", True, 3, 30)))
        self.assertEqual(ending, Ending("service", True, 3, 30))
        reset = native.decode_reset(msgspec.msgpack.encode(OldReset("service-died")))
        self.assertEqual(reset, Reset("service-died"))
        self.assertIs(believed(reset.why), None)
        notice = native.decode_control(msgspec.msgpack.encode(OldNotice(1, 429, "rate-limited")))
        self.assertEqual(notice, Notice(1, 429, "rate-limited"))
        refused = native.decode_link(b"\x00" + msgspec.msgpack.encode(OldRefused("wrong-key", "No.", True)))
        self.assertEqual(refused, Refused("wrong-key", "No.", True))

    def test_what_is_not_told_costs_three_bytes_at_most(self) -> None:
        """A stream that ends plainly well says nothing of why."""
        old = len(msgspec.msgpack.encode(OldEnding("", False, 3, 30)))
        self.assertLessEqual(len(native.encode(Ending("", False, 3, 30))) - old, 3)
