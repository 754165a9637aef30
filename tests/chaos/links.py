"""Links that are cut, that fall silent, and that are slow: no visitor notices more than a pause."""

from __future__ import annotations

import random
import re
import signal
import time
from functools import partial
from typing import Any

from tests.chaos.pairs import Cut, Shape, Way
from tests.chaos.proxy import FaultProxy
from tests.chaos.report import Load, Plan, Report
from tests.chaos.stage import Probe, Stage, finish
from tests.chaos.tally import times
from tests.processes import Process, wait_until

QUICK = {"ping_interval": 0.3, "ping_timeout": 1.0}
"""Settings that find out about a silent link soon."""

LONGEST_TRAP = 1 << 20
"""A cut comes after at most so many octets, or after `PATIENCE` seconds."""

PATIENCE = 0.4
OUTAGES = 25
"""One cut in so many is an outage: for a moment nobody gets a connection."""

EXPIRED = re.compile(
    r"ws 1012 session-expired.*|(ws|http) 50[24] (session-expired|client-gone)|(ws|http) 404 no-such-tunnel"
    r"|http \w+ broken off.*|broken off.*|ws 1006 \(in the middle of a frame.*"
)
"""What visitors are told when the window is over, and until the client is back. No close frame fits into a frame."""


def full_load(plan: Plan) -> Load:
    """Visitors of every kind."""
    return {
        "seed": plan.seed,
        "websockets": plan.visitors(200),
        "downloads": plan.visitors(8),
        "uploads": plan.visitors(8),
        "events": plan.visitors(20),
        "requests": plan.visitors(5),
        "stay": 20,
        **plan.bodies,
    }


def cuts(plan: Plan) -> Report:
    """Random cuts under load: after any number of octets either way, also while a link is being made or resumed."""
    report = Report("cuts")
    choose = random.Random(f"cuts {plan.seed}")
    wanted = plan.faults(1000)
    with Stage() as stage, stage.load(**full_load(plan)) as load, Probe(stage.server_port, stage.host) as probe:
        for _ in range(20):
            report.recovered("a round trip before the cuts", probe.round_trip())
        outages = 0
        while stage.proxy.ended < wanted:
            one_cut(stage.proxy, choose)
            if choose.random() < 1 / OUTAGES:
                outages += 1
                _outage(stage.proxy, choose.uniform(0.1, 1.0))
                report.recovered("a round trip from the end of an outage on", probe.round_trip())
            elif choose.random() < 0.6:
                report.recovered("a round trip from the cut on", probe.round_trip())
        report.note(f"{stage.proxy.ended} connections cut, {outages} outages, {stage.proxy.accepted} connections made")
        report.note(f"links by the client's log: {_links_back(stage.client)}")
        report.expect(stage.sessions == 1, "a session was lost")
        report.expect_nothing_seen(finish(load))
        report.expect_recovery("a round trip from the cut on", 0.1 + _p50(report), 2.0)
        if outages:
            report.expect_recovery("a round trip from the end of an outage on", 0.1 + _p50(report), 2.0)
        _expect_nothing_left(report, stage)
    return report


def blackholes(plan: Plan) -> Report:
    """Links that fall silent without an end: forgotten by a NAT, known to one end only, swallowed for a while."""
    report = Report("blackholes")
    choose = random.Random(f"blackholes {plan.seed}")
    deadline = QUICK["ping_timeout"] + 1.0
    with (
        Stage(server=QUICK, client=QUICK) as stage,
        stage.load(**full_load(Plan(seed=plan.seed, load=plan.load / 4))) as load,
        Probe(stage.server_port, stage.host) as probe,
    ):
        for number in range(plan.faults(100)):
            kind = ("forgotten", "server unaware", "client unaware", "swallowed", "frozen")[number % 5]
            wait_until(lambda: stage.proxy.connections, "a link")
            if kind == "forgotten":
                stage.proxy.blackhole()
                stage.proxy.heal()
            elif kind == "server unaware":
                stage.proxy.cut(Cut.CLIENT_ONLY)
            elif kind == "client unaware":
                stage.proxy.cut(Cut.SERVER_ONLY)
            elif kind == "swallowed":
                stage.proxy.blackhole()
                time.sleep(choose.uniform(0.1, 1.0))
                stage.proxy.heal()
            else:
                stage.proxy.freeze()
                time.sleep(choose.uniform(0.1, 1.0))
                stage.proxy.heal()
            report.recovered(f"a round trip from the return on, {kind}", probe.round_trip())
        for kind in ("forgotten", "client unaware", "swallowed"):
            report.expect_recovery(f"a round trip from the return on, {kind}", deadline, deadline + 1.0)
        report.expect_recovery("a round trip from the return on, server unaware", 0.2, 2.0)
        report.expect_recovery("a round trip from the return on, frozen", 0.2, 2.0)
        report.expect(stage.sessions == 1, "a session was lost")
        report.expect_nothing_seen(finish(load))
        _expect_nothing_left(report, stage)
    return report


def silence(plan: Plan) -> Report:
    """Blackholes with the settings that Sellia comes with: both ends find out within 15 s."""
    report = Report("silence")
    with (
        Stage() as stage,
        stage.load(**full_load(Plan(seed=plan.seed, load=plan.load / 10))) as load,
        Probe(stage.server_port, stage.host) as probe,
    ):
        for _ in range(plan.faults(3)):
            unaware = {process: _count_lost(process) for process in (stage.server, stage.client)}
            began = time.monotonic()
            stage.proxy.blackhole()
            while unaware:
                process = wait_until(partial(_aware, unaware), "both ends to find out", 30.0)
                report.recovered(f"the {process.name} finds out", time.monotonic() - began)
                del unaware[process]
            stage.proxy.heal()
            report.recovered("a round trip from the return on", probe.round_trip())
        for end in ("server", "client"):
            report.expect_recovery(f"the {end} finds out", 15.5, 15.5)
        report.expect_nothing_seen(finish(load))
    return report


def sleeps(plan: Plan) -> Report:
    """A client that was suspended for longer than its link lives, as a laptop is: it is back as soon as it wakes."""
    report = Report("sleeps")
    with (
        Stage(server=QUICK, client=QUICK) as stage,
        stage.load(**full_load(Plan(seed=plan.seed, load=plan.load / 10))) as load,
        Probe(stage.server_port, stage.host) as probe,
    ):
        for number in range(plan.faults(6)):
            unaware = {stage.server: _count_lost(stage.server)}
            stage.client.send_signal(signal.SIGSTOP)
            wait_until(partial(_aware, unaware), "the server to find out", 30.0)
            if number % 2:
                # The network of the place where it wakes has never heard of its connection.
                stage.proxy.cut(Cut.SERVER_ONLY)
            stage.client.send_signal(signal.SIGCONT)
            report.recovered("a round trip from waking up on", probe.round_trip())
        report.expect_recovery("a round trip from waking up on", 0.2, 2.0)
        report.expect(stage.sessions == 1, "a session was lost")
        report.expect_nothing_seen(finish(load))
    return report


def expiry(plan: Plan) -> Report:
    """A link that stays away for longer than the window: visitors are told so within a second, and so is the client."""
    report = Report("expiry")
    window = 2.0
    ended = "from the end of the window to a visitor's being told"
    with Stage(server={"resume_window": window}) as stage:
        load: Load = {
            "seed": plan.seed,
            "websockets": plan.visitors(50),
            "downloads": 3,
            "uploads": 3,
            "events": 3,
        }
        load |= plan.bodies
        with stage.load(persistent=True, **load) as visitors:
            for _ in range(plan.faults(5)):
                wait_until(stage.answers, "the tunnel to be there", 30.0)
                stage.settled(plan.visitors(50))
                with Probe(stage.server_port, stage.host) as probe:
                    probe.round_trip()
                    stage.proxy.refuse()
                    stage.proxy.cut(Cut.RESET)
                    began = time.monotonic()
                    report.expect(probe.is_over(window + 5.0), "a visitor waits although the window is over")
                    report.recovered(ended, max(0.0, time.monotonic() - began - window))
                    stage.proxy.heal()
            wait_until(stage.answers, "the tunnel to be there", 30.0)
            report.expect(stage.sessions == 1 + plan.faults(5), "not every window had its end")
            report.expect_order(finish(visitors), lambda end: bool(EXPIRED.fullmatch(end)))
    report.expect_recovery(ended, 1.0, 1.0)
    return report


def thin(plan: Plan) -> Report:
    """A link at 1 Mbit/s with 200 ms: slow, but alive, and what is small does not wait for all that is large."""
    report = Report("thin")
    with Stage() as stage, Probe(stage.server_port, stage.host) as probe:
        stage.proxy.shape(Shape(delay=0.1, rate=125_000))
        for _ in range(plan.faults(20)):
            report.recovered("a round trip in quiet", probe.round_trip())
        load: Load = {
            "seed": plan.seed,
            "websockets": 3,
            "events": 2,
            "rate": 2000,
            "largest": 64 * 1024,
            **plan.bodies,
        }
        with stage.load(**{**load, "size": 512 * 1024}, downloads=1, uploads=1) as visitors:
            for _ in range(plan.faults(40)):
                report.recovered("a round trip beside bulk both ways", probe.round_trip())
            before = stage.proxy.accepted
            stage.proxy.cut(Cut.RESET)
            report.recovered("a round trip from a cut on", probe.round_trip())
            report.expect(stage.proxy.accepted == before + 1, "the slow link was given up")
            stage.proxy.shape(Shape())
            report.expect_nothing_seen(finish(visitors))
        report.expect_recovery("a round trip in quiet", 0.3, 0.6)
        report.expect_recovery("a round trip beside bulk both ways", 0.45, 0.8)
    return report


def split(plan: Plan) -> Report:
    """Every octet arrives by itself."""
    report = Report("split")
    with Stage() as stage, Probe(stage.server_port, stage.host) as probe:
        stage.proxy.shape(Shape(split=True))
        load: Load = {
            "seed": plan.seed,
            "websockets": 3,
            "downloads": 1,
            "uploads": 1,
            "events": 2,
            "rate": 2000,
        }
        load |= {"event-count": 10}
        with stage.load(**load, largest=4096, size=16 * 1024, http_rate=8000) as visitors:
            for _ in range(plan.faults(10)):
                stage.proxy.arm(Cut.RESET, Way.UP, 3000).wait(1.0)
                stage.proxy.spring_now()
                report.recovered("a round trip from a cut on", probe.round_trip())
            report.expect_nothing_seen(finish(visitors))
    return report


def one_cut(proxy: FaultProxy, choose: random.Random) -> None:
    """Cut after a number of octets of any magnitude, or soon if there are not so many."""
    how = choose.choices((Cut.FIN, Cut.RESET, Cut.CLIENT_ONLY), (4, 4, 2))[0]
    octets = round(LONGEST_TRAP ** choose.random())
    cut = proxy.arm(how, choose.choice(tuple(Way)), octets)
    if not cut.wait(choose.uniform(0.05, PATIENCE)):
        proxy.spring_now()


def _outage(proxy: FaultProxy, seconds: float) -> None:
    proxy.refuse()
    proxy.cut(Cut.RESET)
    time.sleep(seconds)
    proxy.heal()


def _links_back(client: Process) -> str:
    return times([float(seconds) for seconds in re.findall(r"link back: after=([\d.]+)s", client.output)])


def _p50(report: Report) -> float:
    before = sorted(report.recoveries["a round trip before the cuts"])
    return before[len(before) // 2]


def _count_lost(process: Process) -> int:
    return process.output.count("link lost: ")


def _aware(before: dict[Process, int]) -> Any:
    """One that has lost more links by now than it had before."""
    return next((process for process, count in before.items() if _count_lost(process) > count), None)


def _expect_nothing_left(report: Report, stage: Stage) -> None:
    """Connections that were given up are closed on both ends: links, and whatever there was for them."""
    wait_until(lambda: stage.proxy.connections <= 1, "the old links to be closed", 20.0)
    for process in (stage.server, stage.client):
        report.note(f"{process.name}: {process.open_files()} descriptors, {process.resident_bytes() >> 20} MiB")
