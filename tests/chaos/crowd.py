"""A thousand clients lose their server, or their network: they come back, and not all in the same moment."""

from __future__ import annotations

import json
import resource
import time
from typing import Any

from tests.chaos.deaths import kill
from tests.chaos.pairs import Cut
from tests.chaos.report import Plan, Report
from tests.chaos.stage import Stage
from tests.processes import Process, start_python, wait_until

ROUNDS = 8
"""Attempts that each client makes in vain, about, before the server is back: its delays have grown by then."""

WINDOW = 0.1
"""Seconds in which attempts are counted together."""

SHARE = 0.25
"""The part of all clients that may come in one such window, where nothing but their delays decides."""

PAUSE = 0.2
"""A pause of the process that all clients share, beyond which it decides, and nothing is to be learned of delays."""

BACK_DEADLINE = 90.0


def crowd(plan: Plan) -> Report:
    """Many clients at once: all links cut, then the server killed and started again."""
    report = Report("crowd")
    count = plan.visitors(1000)
    _allow_descriptors(count * 3 + 500)
    # An open server tells clients apart by the keys that they made up.
    with (
        Stage() as stage,
        start_python("-m", "tests.chaos.herd", str(stage.proxy.port), str(count), name="herd") as herd,
    ):
        _returns(herd, 1)
        for number in range(plan.faults(2)):
            began = time.monotonic()
            stage.proxy.cut(Cut.RESET)
            back = _returns(herd, 2 + number)
            report.expect(back["resumed"] == count, f"{count - back['resumed']} sessions did not go on after a cut")
            for moment in back["back"]:
                report.recovered("from a cut of all links to a client's return", moment - began)
        attempts = stage.proxy.accepted
        kill(stage.server)
        # All clients share this machine's cores: each has noticed, and has had its quick attempts, when it can.
        wait_until(lambda: stage.proxy.accepted >= attempts + count * ROUNDS, "clients to try again", BACK_DEADLINE)
        stage.start_server()
        began = time.monotonic()
        back = _returns(herd, 2 + plan.faults(2))
        report.expect(back["resumed"] == 0, "a session went on that was lost")
        for moment in back["back"]:
            report.recovered("from the server's return to a client's", max(0.0, moment - began))
        busiest = _busiest([moment for moment in stage.proxy.arrivals[attempts:] if moment >= began])
        report.note(
            f"{count} clients; after the server's return at most {busiest} attempts in {WINDOW * 1e3:.0f} ms; "
            f"the longest pause of the process that they share was {back['pause'] * 1e3:.0f} ms"
        )
        # The arithmetic itself is shown where no machine is too slow for it: tests.client.link.test_backoff.
        if back["pause"] <= PAUSE:
            report.expect(busiest <= max(20, count * SHARE), f"{busiest} of {count} clients came at once")
        # On two cores a thousand handshakes at both ends, and the proxy between, are ten seconds of CPU.
        report.expect_recovery("from a cut of all links to a client's return", 10.0, 20.0)
        report.expect_recovery("from the server's return to a client's", 15.0, 31.0)
    return report


def _returns(herd: Process, times: int) -> dict[str, Any]:
    """What the herd said when all were there for the ``times``-th time."""

    def said() -> dict[str, Any] | None:
        lines = [line for line in herd.output.splitlines() if line.startswith('{"back"')]
        return json.loads(lines[times - 1]) if len(lines) >= times else None

    found = herd.wait_for(said, f"all clients to be there for the {times}th time", BACK_DEADLINE)
    assert found is not None
    return found


def _busiest(moments: list[float]) -> int:
    """The most of ``moments`` that lie within one `WINDOW`."""
    most, first = 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > WINDOW:
            first += 1
        most = max(most, last - first + 1)
    return most


def _allow_descriptors(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
