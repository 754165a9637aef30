"""
Kosoku in a process of its own, because it runs on asyncio and our tests do not.

    python -m tests.conformance.fuzz client PORT OUT CASES [HOST]   test the server at 127.0.0.1:PORT
    python -m tests.conformance.fuzz server PORT OUT CASES          be the server that tests a client

CASES is a comma-separated list of case ids and globs. The verdicts go to the file OUT as JSON (`verdicts.load`); the
exit status says only whether the run came to an end. With HOST, the client asks for that host instead of the address.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from kosoku import FailureError, run_fuzzingclient, run_fuzzingserver
from kosoku._kosoku import CaseResult

from tests.conformance.forwarder import start_forwarder
from tests.conformance.verdicts import Verdict, save, wirelog_extract

CONCURRENCY = 4
"""Cases at a time. They are connections of their own; several at once only use the waiting time."""


async def fuzz_server_at(port: int, cases: Sequence[str], host: str | None) -> list[CaseResult]:
    """Test the server that listens on ``port``."""
    forwarder = None
    if host is not None:
        forwarder = await start_forwarder(port, host)
        port = forwarder.sockets[0].getsockname()[1]
    results: list[CaseResult]
    try:
        results = await run_fuzzingclient(f"ws://127.0.0.1:{port}/", cases, concurrency=CONCURRENCY)
    except FailureError as failure:
        results = failure.results
    finally:
        if forwarder is not None:
            forwarder.close()
    return results


async def fuzz_client_on(port: int, cases: Sequence[str]) -> list[CaseResult]:
    """Listen on ``port`` and test the client that comes, until it asks for the reports to be written."""
    async with run_fuzzingserver(cases, port=port) as server:
        try:
            results: list[CaseResult] = await server.get_result()
        except FailureError as failure:
            results = failure.results
    return results


def verdict(result: CaseResult) -> Verdict:
    """The part of kosoku's result that is kept."""
    return Verdict(
        case=result.case_id,
        behavior=result.behavior.value,
        behavior_close=result.behavior_close.value,
        milliseconds=result.duration,
        explanation=f"{result.result} {result.result_close}".strip(),
        remote_close=result.remote_close_code,
        response=result.http_response,
        wirelog=wirelog_extract(result.wirelog),
    )


def main(role: str, port: str, out: str, cases: str, host: str | None = None) -> None:
    selection = cases.split(",")
    if role == "client":
        results = asyncio.run(fuzz_server_at(int(port), selection, host))
    else:
        results = asyncio.run(fuzz_client_on(int(port), selection))
    save(Path(out), map(verdict, results))
    # Kosoku's threads are not joined and may still ask for the interpreter: ending it under them aborts the process
    # now and then. All is written, so there is nothing to tidy up.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
