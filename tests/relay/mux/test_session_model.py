"""Any interleaving of sends, reads, cuts and acks delivers each octet once and in order, within the bounds.

Hypothesis writes scripts, :class:`tests.relay.model.Model` plays them.  ``SELLIA_EXAMPLES`` sets how many are tried.
"""

import os
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.relay.model import Model
from tests.relay.model_legs import SIZES

EXAMPLES = int(os.environ.get("SELLIA_EXAMPLES", "150"))

SIDE = st.integers(0, 1)
LEG = st.integers(0, 5)
PIECES = (4_096, 20_000, 65_536)

#: What a script can say, and how often beside the rest.
ACTIONS = st.sampled_from(
    [
        *[st.tuples(st.just("open"), SIDE, st.sampled_from(("quiet", "slow", "echo")), st.booleans())] * 3,
        *[st.tuples(st.just("mood"), SIDE, st.sampled_from(("slow", "echo", "quitter", "refuser", "eager")))] * 2,
        *[st.tuples(st.just("data"), LEG, st.sampled_from(SIZES), st.integers(0, 5))] * 7,
        *[st.tuples(st.just("frame"), LEG, st.sampled_from(SIZES), st.sampled_from((0x81, 0x02, 0xC2)))] * 2,
        *[st.tuples(st.just("pieces"), LEG, st.sampled_from(SIZES))] * 2,
        *[st.tuples(st.just("head"), LEG, st.sampled_from((False, False, True)))] * 1,
        *[st.tuples(st.just("end"), LEG, st.booleans())] * 2,
        *[st.tuples(st.just("stall"), LEG)] * 3,
        *[st.tuples(st.just("flow"), LEG)] * 3,
        *[st.tuples(st.just("reset"), LEG)] * 2,
        *[st.tuples(st.just("raise"), LEG)] * 1,
        *[st.tuples(st.just("say"), SIDE)] * 1,
        *[st.tuples(st.just("flush"), SIDE)] * 5,
        *[st.tuples(st.just("deliver"), SIDE, st.integers(1, 4))] * 5,
        *[st.tuples(st.just("talk"), st.integers(1, 6))] * 6,
        *[st.tuples(st.just("writable"), SIDE, st.sampled_from((False, True, True)))] * 2,
        *[st.tuples(st.just("idle"), SIDE)] * 2,
        *[st.tuples(st.just("pace"), SIDE, st.sampled_from((8_192, 40_000, 200_000)), st.sampled_from(PIECES))] * 2,
        *[st.tuples(st.just("cut"))] * 1,
        *[st.tuples(st.just("away"))] * 2,
        *[st.tuples(st.just("notice"), SIDE)] * 1,
        *[st.tuples(st.just("join"))] * 3,
        *[st.tuples(st.sampled_from(("bye", "expire", "expire")), SIDE)] * 1,
    ]
).flatmap(lambda action: action)


class ModelTests(SynchronousTestCase):
    """The sessions against the model."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )
    @given(st.lists(ACTIONS, min_size=30, max_size=90))
    def test_any_script(self, script: list[tuple[Any, ...]]) -> None:
        """Whatever happens, each octet arrives once and in order, within the bounds, and all streams end."""
        try:
            Model().play(script)
        except Exception as error:
            raise AssertionError(f"this script broke it: {script!r}") from error
