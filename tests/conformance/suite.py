"""
Runs a selection of cases in each setting, directly and through a tunnel.

A setting is one echo (a service or a visitor, deflating or not) against the fuzzer that tests its kind. Directly, the
two are connected to each other; tunnelled, the one that serves is the tunnel's service and the other one the visitor.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests import processes
from tests.conformance.verdicts import Difference, Verdict, differences, load

ALL_CASES = ("*",)

SHORT_CASES = (
    *("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"),
    *("9.1.1", "9.1.6", "9.2.4", "9.3.3", "9.4.5", "9.5.6", "9.7.3", "9.8.6"),
    *("12.1.1", "12.1.5", "12.2.1", "12.3.6", "12.4.2", "12.5.3"),
    *("13.1.2", "13.2.1", "13.3.2", "13.4.1", "13.5.3", "13.6.1", "13.7.2"),
)
"""All but groups 9, 12 and 13, which are long, and some of each of those: large, fragmented, many, compressed."""

DOMAIN = "localhost"
SUBDOMAIN = "conformance"

SHORT_DEADLINE = 300.0
FULL_DEADLINE = 3600.0
"""Seconds for one run of one setting. The cases have deadlines of their own; these end a run that is stuck."""


@dataclass(frozen=True)
class Setting:
    """Which end is the echo, and whether it accepts (service) or offers (visitor) permessage-deflate."""

    echo: str
    deflate: bool

    @property
    def name(self) -> str:
        return f"echo-{self.echo}-{self.compression}"

    @property
    def compression(self) -> str:
        return "deflate" if self.deflate else "plain"


SETTINGS = (
    Setting("service", deflate=False),
    Setting("service", deflate=True),
    Setting("visitor", deflate=False),
    Setting("visitor", deflate=True),
)


@dataclass(frozen=True)
class Outcome:
    """Both runs of one setting."""

    setting: Setting
    direct: list[Verdict]
    tunnelled: list[Verdict]

    @property
    def direct_failures(self) -> list[Verdict]:
        """Cases that the echo does not even pass without a tunnel: then the comparison proves nothing."""
        return [verdict for verdict in self.direct if not verdict.passes(self.setting.deflate)]

    @property
    def differences(self) -> list[Difference]:
        return differences(self.direct, self.tunnelled)

    @property
    def good(self) -> bool:
        return bool(self.direct) and not self.direct_failures and not self.differences


def run_setting(
    setting: Setting, cases: Sequence[str], tunnelled: bool, out: Path, deadline: float = FULL_DEADLINE
) -> list[Verdict]:
    """One run of one setting; the verdicts also go to the file ``out``. An incomplete run has no verdicts."""
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    with ExitStack() as stack:
        service = stack.enter_context(_service(setting, cases, out))
        port, host = service.port, f"127.0.0.1:{service.port}"
        if tunnelled:
            server = stack.enter_context(processes.start_server("--no-rate-limit", domain=DOMAIN))
            stack.enter_context(processes.start_client(server.port, service.port, SUBDOMAIN, domain=DOMAIN))
            port, host = server.port, f"{SUBDOMAIN}.{DOMAIN}:{server.port}"
        if setting.echo == "service":
            arguments = [str(port), str(out), ",".join(cases), *([host] if tunnelled else [])]
            visitor = processes.start_python(
                "-m", "tests.conformance.fuzz", "client", *arguments, name="fuzzing client"
            )
        else:
            arguments = [str(port), host, setting.compression]
            visitor = processes.start_python("-m", "tests.conformance.echo_client", *arguments, name="echo visitor")
        stack.enter_context(visitor)
        _expect_success(visitor, deadline)
        if setting.echo == "visitor":
            _expect_success(service, deadline=60.0)
    return load(out)


def _service(setting: Setting, cases: Sequence[str], out: Path) -> processes.Process:
    port = processes.free_port()
    if setting.echo == "service":
        module = ["tests.conformance.echo_server", str(port), setting.compression]
    else:
        module = ["tests.conformance.fuzz", "server", str(port), str(out), ",".join(cases)]
    service = processes.start_python("-m", *module, name=f"service of {setting.name}", port=port)
    try:
        service.wait_for_port()
    except BaseException:
        service.stop()
        raise
    return service


def _expect_success(process: processes.Process, deadline: float) -> None:
    status = process.wait_for_exit(deadline)
    if status != 0:
        raise processes.ProcessError(f"{process.name} ended with status {status}\n{process.output[-3000:]}")
