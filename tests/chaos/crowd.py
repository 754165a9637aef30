"""A thousand clients lose their server, or their network: they come back, and not all in the same moment."""

from __future__ import annotations

import json
import resource
import time
from typing import Any

from sellia.client.delays import QUICK_FOR
from tests.chaos.deaths import kill
from tests.chaos.proxy import Cut
from tests.chaos.report import Plan, Report
from tests.chaos.stage import Stage, wait_until
from tests.processes import Process, start_python

AWAY = 5.0
"""Seconds for which the server is away: longer than clients try again and again without a delay that grows."""

WINDOW = 0.1
"""Seconds in which attempts are counted together."""

LUCK = 2.0
"""By how much the busiest of many windows may exceed what they have on average, and what is left to a busy machine."""

BACK_DEADLINE = 90.0


def crowd(plan: Plan) -> Report:
    """Many clients at once: all links cut, then the server killed and started again."""
    report = Report("crowd")
    count = plan.visitors(1000)
    _allow_descriptors(count * 3 + 500)
    # A server that has a master key tells clients apart by their keys, also where it does not ask for one.
    with (
        Stage(server={"master_key": "the key of the owner of this server"}) as stage,
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
        killed = time.monotonic()
        kill(stage.server)
        # All clients share this machine's cores: each has noticed, and has had its quick attempts, when it can.
        wait_until(lambda: stage.proxy.accepted >= attempts + count, "clients to try again", BACK_DEADLINE)
        time.sleep(max(0.0, killed + AWAY - time.monotonic()))
        stage.start_server()
        began = time.monotonic()
        back = _returns(herd, 2 + plan.faults(2))
        report.expect(back["resumed"] == 0, "a session went on that was lost")
        for moment in back["back"]:
            report.recovered("from the server's return to a client's", max(0.0, moment - began))
        busiest = _busiest([moment for moment in stage.proxy.arrivals[attempts:] if moment >= began])
        allowed = max(20.0, LUCK * count * herd_share(began - killed))
        report.note(
            f"{count} clients, and a server that was away for {began - killed:.1f} s: "
            f"at most {busiest} attempts in {WINDOW * 1e3:.0f} ms after its return, of {allowed:.0f} allowed"
        )
        report.expect(busiest <= allowed, f"{busiest} of {count} clients came in {WINDOW * 1e3:.0f} ms")
        # On two cores a thousand handshakes at both ends, and the proxy between, are ten seconds of CPU.
        report.expect_recovery("from a cut of all links to a client's return", 10.0, 20.0)
        report.expect_recovery("from the server's return to a client's", 15.0, 31.0)
    return report


def herd_share(away: float) -> float:
    """The part of all clients that comes in one `WINDOW` on average, as `sellia.client.delays` explains it."""
    return 3.0 * WINDOW / max(0.1, away - QUICK_FOR)


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
