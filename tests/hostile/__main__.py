"""
What takes too long for every day: ``python -m tests.hostile``, or ``make hostile``.

The whole smuggling corpus through nginx and HAProxy; slowhttptest with a thousand connections in its three modes while
a bystander's waiting is measured; testssl.sh on a listener that does TLS. It says what it found, and ends with 1 if
anything of it must not be.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.e2e.stage import program
from tests.hostile import stage
from tests.hostile.case import HostileCase
from tests.hostile.fronts import FRONTS
from tests.hostile.slow import MODES, attack, start_bystander, start_drip, waited
from tests.hostile.smuggling import mutations
from tests.hostile.test_smuggling import front_statuses
from tests.hostile.test_tls import start_tls_server
from tests.processes import ProcessError

CONNECTIONS = 1000

WATCHED = 21.0
"""Seconds for which a bystander is watched before an attack, during it, and after it."""

WORSE = 1.2
"""How much worse a bystander's p99 may be under attack."""

SLACK = 0.0003
"""Seconds more, because a thousand pieces come from somewhere: the machine that sends them is the same one."""

LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(1_000_000)

BAD_SEVERITIES = ("MEDIUM", "HIGH", "CRITICAL")

EXPECTED = (
    "cert_",
    "chain_of_trust",
    "trust",
    "DNS_CAA",
    "CAA",
    "OCSP",
    "certificate_transparency",
    "HSTS",
    "security_headers",
)
"""Findings about the certificate, which is signed by itself for the test, and about pages."""


def smuggling() -> list[str]:
    """The whole corpus through each front."""
    wrong = []
    corpus = list(mutations(every=True))
    for name, start in FRONTS.items():
        front = start()
        try:
            sent, passed = front_statuses(HostileCase("setUp"), front, corpus)
            print(
                f"{name}: {3 * len(corpus)} hostile requests, {sent} sent on to Sellia, {passed} of them at the service"
            )
        except AssertionError as error:
            wrong.append(f"{name}: {str(error)[:2000]}")
        finally:
            front.process.stop()
    return wrong


def slow() -> list[str]:
    """slowhttptest, and a thousand slow peers of ours beside a bystander."""
    wrong = []
    server, _ = stage.ordinary()
    stage.ledger().on("/long", lambda arrived: arrived.send(LONG))
    for mode in MODES:
        attacked = attack(mode, server.port, CONNECTIONS, 30, beside=False)
        print(f"slowhttptest {mode}: available: {attacked.available}, all ended: {attacked.ended}")
        if not attacked.available:
            wrong.append(f"slowhttptest {mode}: the service was not available")
        calm = waited(start_bystander(server.port, WATCHED))
        peers = start_drip(mode, server.port, WATCHED + 5.0)
        p99 = waited(start_bystander(server.port, WATCHED))
        peers.wait_for_exit(30.0)
        calm_again = waited(start_bystander(server.port, WATCHED))
        times = f"{calm * 1000:.2f} ms before, {p99 * 1000:.2f} ms beside them, {calm_again * 1000:.2f} ms after"
        told = f"{CONNECTIONS} slow peers, {mode}: p99 of a bystander {times}; {peers.output.splitlines()[-1]}"
        print(told, flush=True)
        if p99 > max(calm, calm_again) * WORSE + SLACK:
            wrong.append(told)
    return wrong


def testssl() -> list[str]:
    """testssl.sh on a listener that does TLS."""
    server = start_tls_server()
    report = Path(tempfile.mkdtemp()) / "report.json"
    argv = [program("testssl"), "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1", "--protocols"]
    argv += ["--std", "--server-defaults", "--fs", "--vulnerable", "--jsonfile", str(report)]
    try:
        subprocess.run([*argv, f"demo.sellia.test:{server.port}"], timeout=900, check=False, stdout=subprocess.DEVNULL)
        findings = json.loads(report.read_text())
    finally:
        server.stop()
    bad = [each for each in findings if each["severity"] in BAD_SEVERITIES and not each["id"].startswith(EXPECTED)]
    print(f"testssl.sh: {len(findings)} findings, {len(bad)} that must not be")
    return [f"testssl.sh: {each['id']}: {each['severity']}: {each['finding']}" for each in bad]


def main() -> int:
    """All of it."""
    parts: dict[str, Callable[[], list[str]]] = {"smuggling": smuggling, "slow": slow, "testssl": testssl}
    wanted = sys.argv[1:] or list(parts)
    stage.processes()
    wrong = []
    for name in wanted:
        try:
            wrong += parts[name]()
        except (ProcessError, AssertionError) as error:
            wrong.append(f"{name}: {error}")
    for _, output in stage.new_output():
        if "Traceback" in output:
            wrong.append(output[-3000:])
    print("\n".join([*wrong, f"{len(wrong)} things must not be" if wrong else "All of it holds."]))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
