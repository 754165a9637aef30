"""Processes that die or are told to end: visitors are told the truth, and the name comes back."""

from __future__ import annotations

import random
import re
import signal
import time

from tests.chaos.report import Load, Plan, Report
from tests.chaos.stage import Probe, Stage, finish
from tests.processes import Process, accepts_connections, wait_until

GONE = re.compile(
    r"ws (1001 client-gone.*|502 client-gone|1006 \(in the middle of a frame.*)|http 502 client-gone"
    r"|http \w+ broken off.*|broken off.*"
)
"""What visitors are told when their client is gone for good. A response, or a frame, that has begun can't be ended."""

RESTARTED = re.compile(
    r"ws (1012 server-(restarting|draining).*|1001 .*|50[23] server-(restarting|draining)|50[23] client-gone)"
    r"|http 50[23] (server-(restarting|draining)|client-gone)|(ws|http) 404 no-such-tunnel"
    r"|http \w+ broken off.*|no server"
)
"""The same for a server that is told to end, and a moment later starts again."""

KILLED = re.compile(r"ws .*|http.*|no server|broken off.*")
"""From a server that is killed nobody learns anything."""

GHOSTS = 5

SEVERAL: Load = {"downloads": 4, "uploads": 4, "events": 5, "requests": 2}


def kills(plan: Plan) -> Report:
    """The client is killed and started again: visitors are released, and the name is back, also from its own ghost."""
    report = Report("kills")
    choose = random.Random(f"kills {plan.seed}")
    again = "from the new client's start to a visitor's being served"
    with (
        Stage() as stage,
        stage.load(persistent=True, seed=plan.seed, websockets=plan.visitors(40), **SEVERAL, **plan.bodies) as load,
    ):
        for number in range(plan.faults(50)):
            stage.settled(plan.visitors(40))
            # Every now and then the machine dies with its client, and the server hears nothing of it.
            ghost = number % GHOSTS == 1
            with Probe(stage.server_port, stage.host) as probe:
                probe.round_trip()
                time.sleep(choose.uniform(0.0, 0.5))
                if ghost:
                    stage.proxy.blackhole()
                kill(stage.client)
                stage.proxy.heal()
                client = stage.start_client(wait=False)
                client.wait_for_line("starting up")  # what the interpreter takes to come so far is the machine's affair
                began = time.monotonic()
                client.wait_for_line("tunnel ready: ")
                report.expect(probe.is_over(), "a visitor of the client that was killed was not released")
                wait_until(stage.answers, "the name to come back", 30.0)
                report.recovered(again + (", from a ghost" if ghost else ""), time.monotonic() - began)
        report.expect_recovery(again, 1.5, 4.0)
        if plan.faults(50) > 1:
            report.expect_recovery(again + ", from a ghost", 2.5, 6.0)
        report.expect_order(finish(load), lambda end: bool(GONE.fullmatch(end)))
    return report


def restarts(plan: Plan) -> Report:
    """The server ends, by SIGTERM and by SIGKILL in turn, and starts again: the client comes back under its name."""
    report = Report("restarts")
    with (
        Stage(server={"drain_timeout": 1}) as stage,
        stage.load(persistent=True, seed=plan.seed, websockets=plan.visitors(40), **SEVERAL, **plan.bodies) as load,
    ):
        for number in range(plan.faults(20)):
            stage.settled(plan.visitors(40))
            if number % 2:
                kill(stage.server)
            else:
                stage.server.send_signal(signal.SIGTERM)
                status = stage.server.wait_for_exit(10.0)
                report.expect(status == 0, f"the server ended with status {status}")
            stage.start_server()
            back = time.monotonic()
            wait_until(stage.answers, "the tunnel to come back", 60.0)
            report.recovered("from the server's return to a visitor's being served", time.monotonic() - back)
        report.expect(stage.client.returncode is None, "the client has ended")
        report.expect_recovery("from the server's return to a visitor's being served", 2.0, 8.0)
        report.expect_order(finish(load), lambda end: bool(RESTARTED.fullmatch(end) or KILLED.fullmatch(end)))
    return report


def drain(plan: Plan) -> Report:
    """SIGTERM under load with many WebSockets: each is told 1012, spread over the time; requests come to their end."""
    report = Report("drain")
    seconds = max(1.0, 10 * plan.load)
    load: Load = {
        "websockets": plan.visitors(1000),
        "downloads": 4,
        "uploads": 4,
        "rate": 1000,
        "largest": 4096,
        **plan.bodies,
    }
    with Stage(server={"drain_timeout": seconds}) as stage:
        # Who was sent away stays away: knocking all the time would be another scenario.
        with stage.load(seed=plan.seed, persistent=True, pause=3600, **load) as visitors:
            began = time.monotonic()
            stage.server.send_signal(signal.SIGTERM)
            wait_until(lambda: stage.server.returncode is not None or _refuses(stage), "new work to be refused", 5.0)
            status = stage.server.wait_for_exit(seconds + 10.0)
            report.note(f"the server ended after {time.monotonic() - began:.1f} s of {seconds:g} s")
            report.expect(status == 0, f"the server ended with status {status}")
            stage.start_server()
            wait_until(stage.answers, "the tunnel to come back", 60.0)
            tally = finish(visitors)
            report.expect_order(tally, lambda end: bool(RESTARTED.fullmatch(end)))
            told = sum(count for end, count in tally.ends.items() if re.match(r"ws 10(12|01) ", end))
            report.expect(told == plan.visitors(1000), f"{told} WebSockets were told 1012 or 1001")
    return report


def farewell(plan: Plan) -> Report:
    """SIGTERM to the client: visitors are told 1001 or 502 at once, and nothing is left waiting."""
    report = Report("farewell")
    with Stage(client={"drain_timeout": 2}) as stage:
        load: Load = {
            "websockets": plan.visitors(100),
            "rate": 5000,
            "largest": 4096,
            **SEVERAL,
            **plan.bodies,
        }
        with stage.load(seed=plan.seed, persistent=True, **load) as visitors:
            for _ in range(plan.faults(5)):
                stage.settled(plan.visitors(100))
                began = time.monotonic()
                stage.client.send_signal(signal.SIGTERM)
                status = stage.client.wait_for_exit(15.0)
                report.recovered("from SIGTERM to the client's end", time.monotonic() - began)
                report.expect(status == 0, f"the client ended with status {status}")
                stage.start_client()
            allowed = re.compile(GONE.pattern + r"|ws 404 no-such-tunnel|http 404 no-such-tunnel")
            report.expect_order(finish(visitors), lambda end: bool(allowed.fullmatch(end)))
    return report


def kill(process: Process) -> None:
    """SIGKILL, and wait until it is gone."""
    process.send_signal(signal.SIGKILL)
    process.wait_for_exit(10.0)


def _refuses(stage: Stage) -> bool:
    """Whether the server has stopped to take visitors in, one way or the other."""
    return not accepts_connections(stage.server_port) or not stage.answers()
