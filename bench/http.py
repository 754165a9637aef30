"""HTTP: hello-world requests with wrk, also to a pool, and a download of 1 GiB by a reader that throws it away."""

from __future__ import annotations

from contextlib import ExitStack

from bench.figures import Findings, Goal, Table, middle, spread
from bench.rig import Plan, Round, Target, cpu_us_of, direct, in_turns, run_load, run_wrk, tunnel_to
from bench.yardsticks import DOWNLOADS, Nginx, start_yardstick

CONNECTIONS = 50
MB = 1e6


def measure(plan: Plan) -> Findings:
    with ExitStack() as stack:
        nginx = stack.enter_context(Nginx())
        site = direct(stack.enter_context(start_yardstick("site")), "twisted.web Site")
        tunnel = stack.enter_context(tunnel_to(nginx))
        pool = stack.enter_context(tunnel_to(nginx, "--pool", "--api-key", "bench", name="pool"))
        service = direct(nginx, "nginx")
        findings = Findings()
        _hello(findings, plan, site, service, tunnel)
        _pooled(findings, plan, tunnel, pool)
        _download(findings, plan, service, tunnel)
        return findings


def _hello(findings: Findings, plan: Plan, site: Target, service: Target, tunnel: Target) -> None:
    def load(target: Target) -> dict[str, float]:
        return run_wrk(target, CONNECTIONS, plan.seconds)

    results = in_turns([site, service, tunnel], load, plan.rounds)
    rate = {name: middle(rounds, _rate) for name, rounds in results.items()}
    cpu = {name: middle(rounds, _cpu) for name, rounds in results.items()}
    findings.goals += [
        Goal(
            "hello-world requests/s, 50 connections, to the bare Site's",
            rate[tunnel.name] / rate[site.name],
            0.8,
            at_least=True,
            aim=1.0,
        ),
        Goal(
            "CPU per request, server and client, to the bare Site's",
            cpu[tunnel.name] / cpu[site.name],
            1.3,
            at_least=False,
            aim=1.0,
        ),
    ]
    table = Table(
        "HTTP hello world",
        f"wrk, {CONNECTIONS} kept-alive connections, {plan.rounds} rounds of {plan.seconds:g} s. "
        "The tunnel's service is nginx.",
        ("", "requests/s", "CPU us per request", "p50 ms", "p99 ms"),
    )
    for name, rounds in results.items():
        figures = (spread(rounds, _rate), spread(rounds, _cpu), spread(rounds, _p50, 2), spread(rounds, _p99, 2))
        table.rows.append((name, *figures))
    for role in tunnel.counted:
        table.rows.append((f"- of which {role}", "", spread(results[tunnel.name], cpu_us_of(role)), "", ""))
    findings.tables.append(table)


def _pooled(findings: Findings, plan: Plan, tunnel: Target, pool: Target) -> None:
    """The same requests to a pool of one client: what the choice and the way to another member cost."""
    results = in_turns([tunnel, pool], lambda target: run_wrk(target, CONNECTIONS, plan.seconds), plan.rounds)
    cpu = {name: middle(rounds, _cpu) for name, rounds in results.items()}
    ratio = cpu[pool.name] / cpu[tunnel.name]
    findings.goals.append(Goal("CPU per pooled request, to one that is not", ratio, 1.1, at_least=False, aim=1.05))
    table = Table("HTTP in a pool", "As above.", ("", "requests/s", "CPU us per request"))
    for name, rounds in results.items():
        table.rows.append((name, spread(rounds, _rate), spread(rounds, _cpu)))
    findings.tables.append(table)


def _download(findings: Findings, plan: Plan, service: Target, tunnel: Target) -> None:
    path = "/128m" if plan.quick else "/1g"
    results = in_turns([service, tunnel], lambda target: run_load(target, "download", path=path), plan.rounds)
    rate = {name: middle(rounds, _rate) for name, rounds in results.items()}
    findings.goals.append(
        Goal(
            "HTTP download MB/s, 1 connection, to nginx's", rate["tunnel"] / rate["nginx"], 0.2, at_least=True, aim=0.3
        )
    )
    table = Table(
        "HTTP download",
        f"One response of {DOWNLOADS[path] >> 20} MiB on one connection, {plan.rounds} rounds.",
        ("", "MB/s", "CPU ms per MB"),
    )
    for name, rounds in results.items():
        table.rows.append((name, spread(rounds, lambda r: r.rate / MB), spread(rounds, lambda r: r.cpu_us * 1e3, 2)))
    for role in tunnel.counted:
        table.rows.append((f"- of which {role}", "", spread(results[tunnel.name], cpu_us_of(role, 1e3), 2)))
    findings.tables.append(table)


def _rate(result: Round) -> float:
    return result.rate


def _cpu(result: Round) -> float:
    return result.cpu_us


def _p50(result: Round) -> float:
    return result.p50_ms


def _p99(result: Round) -> float:
    return result.p99_ms
