"""What is done with a process of one's own; helpers for the tests of what does it are at the end."""

import ctypes
import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor, MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import SelliaError, SettingsError
from sellia.process import (
    GIVE_BACK,
    OneLineOptions,
    allow_descriptors,
    complain,
    fail_in_one_line,
    let_second_signal_kill,
    stop_in_order,
    take_over,
    time_with_suspend,
)


class Port(OneLineOptions):
    optParameters = [["port", None, None, "A port."]]

    def postOptions(self) -> None:
        if self["port"] == "bad":
            raise usage.UsageError("line\nHint: hint")
        if self["port"] == "worse":
            raise SettingsError("line", "hint")


class Twistd(usage.Options):
    subCommands = [["port", None, Port, "A command."]]


class Limits:
    """What `resource` is asked."""

    RLIMIT_NOFILE, RLIM_INFINITY = 7, -1

    def __init__(self, soft: int, hard: int) -> None:
        self.now = (soft, hard)

    def getrlimit(self, which: int) -> tuple[int, int]:
        assert which == self.RLIMIT_NOFILE
        return self.now

    def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
        assert which == self.RLIMIT_NOFILE
        self.now = limits


class DescriptorTests(SynchronousTestCase):
    def test_as_many_as_are_wanted_or_allowed(self) -> None:
        for soft, hard, wanted, allowed in (
            (1024, 4096, 2000, 2000),
            (1024, 4096, 5000, 4096),
            (1024, 4096, 1000, 1000),
            (1024, -1, 5000, 5000),
            (-1, -1, 5000, 5000),
            (4096, 4096, 5000, 4096),
        ):
            limits = Limits(soft, hard)
            self.assertEqual(allow_descriptors(wanted, limits), allowed)
            self.assertEqual(limits.now, (soft if allowed == wanted <= soft or soft < 0 else allowed, hard))


class OneLineOptionsTests(SynchronousTestCase):
    def problem(self, *arguments: str) -> str:
        return str(self.assertRaises(usage.UsageError, Port().parseOptions, arguments))

    def test_right(self) -> None:
        options = Port()
        options.parseOptions(["--port", "1"])
        self.assertEqual(options["port"], "1")

    def test_unknown(self) -> None:
        self.assertEqual(self.problem("--prot", "1"), "option --prot not recognized\nHint: Did you mean --port?")
        self.assertEqual(self.problem("--zzz"), "option --zzz not recognized\nHint: --help lists the options.")

    def test_missing_value(self) -> None:
        self.assertEqual(self.problem("--port"), "option --port requires argument\nHint: --help lists the options.")

    def test_stray_argument(self) -> None:
        self.assertEqual(self.problem("a\x1bb"), "a\\x1bb is not an option\nHint: --help lists the options.")

    def test_hint_is_kept(self) -> None:
        for mistake in ("bad", "worse"):
            self.assertEqual(self.problem("--port", mistake), "line\nHint: hint")

    def test_below_twistd(self) -> None:
        """twistd would print its own usage first."""
        self.patch(sys, "argv", ["/usr/bin/twistd", "-n", "port"])
        error = self.assertRaises(SystemExit, Twistd().parseOptions, ["port", "--port", "bad"])
        self.assertEqual(error.code, "twistd port: line\nHint: hint")


class FailureTests(SynchronousTestCase):
    def setUp(self) -> None:
        undo_process_changes(self)
        self.stderr = take_stderr(self)

    def test_ours_is_one_line_and_a_hint(self) -> None:
        fail_in_one_line()
        with capturedLogs() as logs:
            sys.excepthook(SettingsError, SettingsError("line", "hint"), None)
        self.assertEqual(self.stderr.getvalue(), "sellia: line\nHint: hint\n")
        self.assertEqual([event["problem"] for event in logs], ["line. Hint: hint"])

    def test_others_keep_their_traceback(self) -> None:
        seen = []
        self.patch(sys, "__excepthook__", lambda *arguments: seen.append(arguments))
        fail_in_one_line()
        error = ZeroDivisionError()
        sys.excepthook(ZeroDivisionError, error, None)
        self.assertEqual(seen, [(ZeroDivisionError, error, None)])

    def test_without_standard_error(self) -> None:
        """A daemon may have none."""
        self.patch(sys, "__stderr__", None)
        with capturedLogs() as logs:
            complain(str(SelliaError("why")))
        self.assertEqual(len(logs), 1)


class ExitStatusTests(SynchronousTestCase):
    """Told by a process of its own, because the end of one is what this is about."""

    def run_script(self, value: int) -> subprocess.CompletedProcess[str]:
        script = f"""
            from sellia.process import ExitStatus
            status = ExitStatus()
            status.value = {value}
            print("said before the end")
            raise SystemExit(0)
        """
        command = [sys.executable, "-c", textwrap.dedent(script)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def test_status(self) -> None:
        for value in (0, 3):
            done = self.run_script(value)
            self.assertEqual((done.returncode, done.stdout), (value, "said before the end\n"))


class MemoryTests(SynchronousTestCase):
    """In a process of its own, since what is set holds for all of it."""

    PROGRAM = """
    import resource
    from sellia.process import keep_freed_memory

    known = {call}
    def read():
        for _ in range(1000):
            pieces = [bytearray(120 * 1024) for _ in range(4)]
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    print(read() and -read() + read(), known)
    """

    def faults(self, call: str) -> tuple[int, bool]:
        """Pages that a thousand reads take from the system, and whether the C library is known."""
        program = textwrap.dedent(self.PROGRAM).format(call=call)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        faults, known = done.stdout.split()
        return int(faults), known == "True"

    def test_freed_memory_is_used_again(self) -> None:
        faults, known = self.faults("keep_freed_memory()")
        self.assertEqual(known, hasattr(ctypes.CDLL(None), "mallopt"))
        if known:
            self.assertLess(faults, 1000)
            self.assertGreater(self.faults("False")[0], 10_000, "or there is no need for it")

    def test_what_is_free_in_the_middle_is_given_back(self) -> None:
        program = textwrap.dedent("""
            from sellia.process import give_back_memory, keep_freed_memory

            def resident():
                return int(open("/proc/self/statm").read().split()[1]) * 4
            keep_freed_memory()
            kept = []
            for _ in range(200):
                kept.append(bytearray(100 * 1024))
                kept.append(bytearray(2000))
            del kept[::2]
            before = resident()
            give_back_memory()
            print(before - resident())
        """)
        if not hasattr(ctypes.CDLL(None), "malloc_trim"):
            return
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        self.assertGreater(int(done.stdout), 10_000, "KiB of some 20,000")


class SecondSignalTests(SynchronousTestCase):
    def test_default_effect_once_it_is_stopping(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        reactor = MemoryReactor()
        before = signal.getsignal(signal.SIGTERM)
        let_second_signal_kill(reactor)
        self.assertIs(signal.getsignal(signal.SIGTERM), before)
        for function, arguments, named in reactor.triggers["before"]["shutdown"]:
            function(*arguments, **named)
        self.assertEqual(signal.getsignal(signal.SIGINT), signal.SIG_DFL)
        self.assertEqual(signal.getsignal(signal.SIGTERM), signal.SIG_DFL)


class StoppableReactor(MemoryReactor):
    """Is stopped once; what another thread asks of it is done at once."""

    stopped = 0

    def stop(self) -> None:
        self.stopped += 1
        if self.stopped > 1:
            raise ReactorNotRunning

    def callFromThread(self, function: Any, *arguments: Any) -> None:
        function(*arguments)


class ClockedReactor(StoppableReactor):
    """Has timers as well."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.callLater = self.clock.callLater


class StopInOrderTests(SynchronousTestCase):
    def test_signals_stop_the_reactor(self) -> None:
        """They leave no trace in it, by which twistd would end itself; a second one too many does no harm."""
        reactor = StoppableReactor()
        signals: dict[int, Any] = {}
        stop_in_order(reactor, signals.__setitem__, lambda: True)
        self.assertEqual(signals, {}, "running the reactor sets Twisted's own")
        for function, arguments, named in reactor.whenRunningHooks:
            function(*arguments, **named)
        self.assertEqual(set(signals), {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        self.assertIn("shutdown", reactor.triggers["before"])
        signals[signal.SIGTERM](signal.SIGTERM, None)
        signals[signal.SIGINT](signal.SIGINT, None)
        signals[signal.SIGHUP](signal.SIGHUP, None)
        self.assertEqual(reactor.stopped, 3)

    def test_hangup_ends_nothing_without_a_terminal(self) -> None:
        reactor = StoppableReactor()
        signals: dict[int, Any] = {}
        stop_in_order(reactor, signals.__setitem__, lambda: False)
        for function, arguments, named in reactor.whenRunningHooks:
            function(*arguments, **named)
        with capturedLogs() as logs:
            signals[signal.SIGHUP](signal.SIGHUP, None)
        self.assertEqual((reactor.stopped, len(logs)), (0, 1))


class ReloadTests(SynchronousTestCase):
    """SIGHUP where there is something to read again."""

    def setUp(self) -> None:
        self.reactor = ClockedReactor()
        self.clock = self.reactor.clock
        self.told: list[str] = []
        self.there = True

    def hang_up(self, *, controlled: bool) -> None:
        signals: dict[int, Any] = {}
        self.there = controlled
        stop_in_order(self.reactor, signals.__setitem__, lambda: self.there, lambda: self.told.append("reload"))
        for function, arguments, named in self.reactor.whenRunningHooks:
            function(*arguments, **named)
        self.send = signals[signal.SIGHUP]

    def test_without_a_terminal(self) -> None:
        self.hang_up(controlled=False)
        self.send(signal.SIGHUP, None)
        self.assertEqual((self.told, self.reactor.stopped), (["reload"], 0))

    def test_on_a_terminal_that_stays(self) -> None:
        self.hang_up(controlled=True)
        self.send(signal.SIGHUP, None)
        self.clock.advance(5)
        self.assertEqual((self.told, self.reactor.stopped), (["reload"], 0))

    def test_a_terminal_that_hangs_up(self) -> None:
        self.hang_up(controlled=True)
        self.there = False
        self.send(signal.SIGHUP, None)
        self.assertEqual((self.told, self.reactor.stopped), ([], 1))

    def test_a_shell_that_ends(self) -> None:
        """It sends the signal first, and takes the terminal with it."""
        self.hang_up(controlled=True)
        self.send(signal.SIGHUP, None)
        self.there = False
        self.clock.advance(1)
        self.assertEqual((self.told, self.reactor.stopped), (["reload"], 1))


class MonotonicTimeTests(SynchronousTestCase):
    """In processes of their own, because the reactor of this one is in use."""

    PROGRAM = """
    import time
    from twisted.internet import reactor
    from sellia.process import keep_monotonic_time, time_with_suspend

    fired = []
    before = reactor.callLater(0.05, fired.append, "before")
    late = reactor.callLater(3600, fired.append, "late")
    keep_monotonic_time(reactor, {seconds})
    assert reactor.seconds() == {seconds}() or reactor.seconds is {seconds}
    left = late.getTime() - reactor.seconds()
    assert 3590 < left <= 3600, left
    time.time = lambda: 0.0  # what still read the wall clock would wait for 50 years
    reactor.callLater(0.02, fired.append, "after")
    late.reset(0.1)
    reactor.callLater(0.2, reactor.stop)
    reactor.run()
    assert fired == ["after", "before", "late"], fired
    """

    def test_timers_follow_the_monotonic_clock(self) -> None:
        for seconds in ("time.monotonic", "time_with_suspend"):
            program = textwrap.dedent(self.PROGRAM).format(seconds=seconds)
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_clock_with_suspend_is_never_behind(self) -> None:
        """On Linux it is ahead of the monotonic clock by the time in which the machine was suspended."""
        monotonic = time.monotonic()
        self.assertGreaterEqual(time_with_suspend(), monotonic)


class TakeOverTests(SynchronousTestCase):
    def test_all_of_it(self) -> None:
        self.patch(sys, "excepthook", sys.__excepthook__)
        reactor = MemoryReactorClock()
        memory = take_over(reactor)
        self.assertIs(reactor.seconds, time.monotonic)
        self.assertIsNot(sys.excepthook, sys.__excepthook__)
        self.assertIn("shutdown", reactor.triggers["before"])
        self.assertEqual((memory.step, memory.running), (GIVE_BACK, 0))


class Status:
    """Stands for an `ExitStatus`, which would end the tests."""

    value = 0


def clean_environment(case: SynchronousTestCase) -> None:
    """Hide the variables of Sellia, and the settings files, that whoever runs the tests may have."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith("SELLIA_")}
    case.patch(os, "environ", {**rest, "XDG_CONFIG_HOME": os.path.abspath(case.mktemp())})


def take_stderr(case: SynchronousTestCase) -> io.StringIO:
    """Where the process's own standard error goes until the test is over."""
    taken = io.StringIO()
    case.patch(sys, "__stderr__", taken)
    return taken


def undo_process_changes(case: SynchronousTestCase) -> None:
    """After the test, undo what a tap does to its process."""
    case.patch(sys, "excepthook", sys.excepthook)
