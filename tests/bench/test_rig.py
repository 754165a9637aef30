"""What is counted is divided rightly, wrk is understood, and turns are taken."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.rig import Round, Target, cpu_us_of, in_turns, parse_wrk
from tests.processes import ProcessError

WRK = """Running 1s test @ http://127.0.0.1:46559/
  1 threads and 50 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   814.48us  473.36us   4.97ms   80.61%
    Req/Sec    36.09k     2.84k   38.60k    80.00%
  Latency Distribution
     50%  730.00us
     75%    0.98ms
     90%    1.33ms
     99%    2.50ms
  36006 requests in 1.01s, 2.61MB read
Requests/sec:  35816.74
Transfer/sec:      2.60MB
"""


class WrkTests(SynchronousTestCase):
    def test_figures(self) -> None:
        result = parse_wrk(WRK)
        self.assertEqual((result["count"], result["p50_ms"], result["p99_ms"]), (36006, 0.73, 2.5))
        self.assertAlmostEqual(result["count"] / result["seconds"], 35816.74)

    def test_errors_are_no_result(self) -> None:
        """Fast errors must not look like speed."""
        self.assertRaises(ProcessError, parse_wrk, WRK + "  Non-2xx or 3xx responses: 36006\n")
        self.assertRaises(ProcessError, parse_wrk, WRK + "  Socket errors: connect 0, read 3, write 0, timeout 0\n")
        self.assertRaises(ProcessError, parse_wrk, "unable to connect")


class RoundTests(SynchronousTestCase):
    def test_cpu_is_divided_by_what_was_done(self) -> None:
        result = Round(count=1000, seconds=2.0, cpu={"server": 0.03, "client": 0.01})
        self.assertEqual(result.rate, 500.0)
        self.assertAlmostEqual(result.cpu_us, 40.0)
        self.assertAlmostEqual(cpu_us_of("server")(result), 30.0)

    def test_turns(self) -> None:
        """Each target is warmed up once, then they take turns forwards and backwards, so that none is always first."""
        order: list[str] = []

        def load(target: Target) -> dict[str, float]:
            order.append(target.name)
            return {"count": 1, "seconds": 1.0}

        results = in_turns([Target("a", 0, "", {}), Target("b", 0, "", {})], load, rounds=2)
        self.assertEqual("".join(order), "ababba")
        self.assertEqual({name: len(rounds) for name, rounds in results.items()}, {"a": 2, "b": 2})

    def test_nothing_done_is_an_error(self) -> None:
        target = Target("a", 0, "", {})
        self.assertRaises(ProcessError, in_turns, [target], lambda _: {"count": 0, "seconds": 1.0}, 1)
