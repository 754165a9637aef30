"""Several clients behind one name: their links are cut, and they are killed and stopped, while visitors go on.

All members lead to the same service, which counts each upload by its seed: one that was given to a second member after
the first had sent it would be counted twice.
"""

from __future__ import annotations

import random
import re
import signal
import time
from typing import Any

from tests.chaos.deaths import SEVERAL, kill
from tests.chaos.proxy import FaultProxy
from tests.chaos.report import Plan, Report
from tests.chaos.stage import NAME, Probe, Stage, finish
from tests.processes import Process, ProcessError, wait_until

MEMBERS = 3
KEY = "a-key-of-all-members"

#: Seconds for which the session of a member that was killed is kept, with its visitors: its link could be all it lost.
WINDOW = 3

#: What visitors are told whose member is gone for good, or takes leave.  Who comes then is served by another member.
LEFT = re.compile(
    r"ws (1001 client-gone.*|502 client-gone|1006 \(in the middle of a frame.*|1012 session-expired.*)"
    r"|(ws|http) 502 (client-gone|session-expired)"
    r"|http \w+ broken off.*|broken off.*"
)

#: Seconds in which a stopped member ends: the time it lets requests finish, and some more.
STOPPED = 2 + 10


class Member:
    """One client of the pool, behind a fault proxy of its own."""

    def __init__(self, stage: PoolStage, proxy: FaultProxy) -> None:
        self._stage = stage
        self.proxy = proxy
        self.process: Process = stage.start_member(proxy)

    def again(self) -> None:
        """Start it anew, and return when it has its place."""
        self.process = self._stage.start_member(self.proxy)
        self.wait()

    def wait(self) -> None:
        """Return when it has its place."""
        self.process.wait_for_line("tunnel ready: ")

    def cut(self, choose: random.Random) -> None:
        """Cut its link, and return when it has another one."""
        before = self.process.output.count("link back: ")
        wait_until(lambda: self.proxy.connections, "a link")
        time.sleep(choose.uniform(0.0, 0.2))
        self.proxy.cut()
        wait_until(lambda: self.process.output.count("link back: ") > before, "the link to be back", 60.0)


class PoolStage(Stage):
    """A stage with `MEMBERS` clients, the first of which is the stage's own."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        super().__init__(server={"resume_window": WINDOW}, client={"drain_timeout": 2})
        try:
            self.members.append(Member.__new__(Member))
            self.members[0]._stage, self.members[0].proxy, self.members[0].process = self, self.proxy, self.client
            for _ in range(MEMBERS - 1):
                self.members.append(Member(self, self._stack.enter_context(FaultProxy(self.server_port))))
            for each in self.members:
                each.wait()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> PoolStage:
        return self

    def start_client(self, wait: bool = True) -> Process:
        """Start a client with a place in the pool, behind the stage's own proxy."""
        self.client = self.start_member(self.proxy)
        if wait:
            self.wait_for_tunnel()
        return self.client

    def start_member(self, proxy: FaultProxy) -> Process:
        """Start a client with a place in the pool."""
        arguments = ["sellia-client", "--server", f"http://127.0.0.1:{proxy.port}", "--subdomain", NAME]
        arguments += ["--target", f"127.0.0.1:{self.service_port}", "--pool", "--api-key", KEY]
        return self._twistd("client", arguments, self._client_settings)


def pools(plan: Plan) -> Report:
    """Cuts under load, which nobody notices; then kills and stops, of which only who was there is told."""
    report = Report("pools")
    choose = random.Random(f"pools {plan.seed}")
    faults = plan.faults(60)
    load: dict[str, Any] = {"seed": plan.seed, "websockets": plan.visitors(60), **SEVERAL, **plan.bodies}
    with PoolStage() as stage:
        with stage.load(stay=20, **load) as visitors, Probe(stage.server_port, stage.host) as probe:
            for _ in range(faults // 2):
                choose.choice(stage.members).cut(choose)
                report.recovered("a round trip after a cut", probe.round_trip())
            report.expect_nothing_seen(finish(visitors))
        unseen = report.tally
        # The service counts uploads by seed: these are others.
        with stage.load(persistent=True, **{**load, "seed": f"{plan.seed}-again"}) as visitors:
            for number in range(faults - faults // 2):
                stage.settled(plan.visitors(60))
                member = stage.members[number % MEMBERS]
                time.sleep(choose.uniform(0.0, 0.3))
                if number % 2:
                    member.process.send_signal(signal.SIGTERM)
                    _expect_served(report, stage, "while a member stops")
                    status = member.process.wait_for_exit(STOPPED)
                    report.expect(status == 0, f"the client ended with status {status}")
                else:
                    kill(member.process)
                    _expect_served(report, stage, "after a member was killed")
                member.again()
                if choose.random() < 0.5:
                    choose.choice(stage.members).cut(choose)
            report.expect_order(finish(visitors), lambda end: bool(LEFT.fullmatch(end)))
        tally = report.tally
        report.expect(unseen is not None and unseen.uploads.found.doubled == 0, "an upload was sent twice over cuts")
        report.expect(tally is not None and tally.uploads.found.doubled == 0, "an upload was sent twice")
        report.note(f"{sum(each.proxy.accepted for each in stage.members)} connections made by {MEMBERS} members")
    return report


def _expect_served(report: Report, stage: Stage, when: str) -> None:
    """Note how long a visitor waits who comes now; another member has to serve it."""
    began = time.monotonic()
    try:
        with Probe(stage.server_port, stage.host) as probe:
            probe.round_trip()
    except (ProcessError, OSError) as error:
        report.expect(False, f"a visitor was not served {when}: {error}")
        return
    report.recovered(f"a visitor's first round trip {when}", time.monotonic() - began)
