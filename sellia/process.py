"""Process-wide behaviour of the taps and the command line: signals, exit status, memory, descriptors, the clock.

twistd shows its whole usage before the one line that says what is wrong with an option, shows a traceback where a
service does not start, has no exit status for a service that ends by itself, and stumbles over a second signal.  The
taps put this right with what is here; nothing here is used where Sellia is a part of somebody's program, unless that
program calls it.
"""

import atexit
import ctypes
import difflib
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python import usage

from sellia.errors import SelliaError, SettingsError
from sellia.terminal import SteadyStream, flush_streams, has_terminal, on_hangup, settle_streams
from sellia.text import printable

if TYPE_CHECKING:
    from twisted.application.internet import TimerService

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_log = Logger()


class OneLineOptions(usage.Options):
    """Options whose mistakes, those of settings included, are reported in one line and a hint.

    On its own it raises `UsageError` as every `Options` does; below twistd it ends the process with status 1, because
    twistd would print a screenful of options that have nothing to do with the mistake.
    """

    def parseOptions(self, options: Any = None) -> None:
        try:
            super().parseOptions(options)
        except (usage.UsageError, SettingsError) as error:
            problem = self._with_hint(str(error))
            if self.parent is None:
                raise usage.UsageError(problem) from None
            sys.exit(f"{os.path.basename(sys.argv[0])} {self.parent.subCommand}: {problem}")

    def parseArgs(self, *arguments: str) -> None:
        if arguments:
            raise usage.UsageError(f"{printable(arguments[0])} is not an option")

    def _with_hint(self, problem: str) -> str:
        if "\n" in problem:
            return problem
        words = [word.strip("-").rstrip("=") for word in problem.split() if word.startswith("--")]
        known = [name.rstrip("=") for name in self.longOpt]
        near = difflib.get_close_matches(words[0], known, n=1) if words else []
        if near and near[0] != words[0]:
            return f"{problem}\nHint: Did you mean --{near[0]}?"
        return f"{problem}\nHint: --help lists the options."


#: Bytes of freed memory to keep for the next use, and the size from which a block is mapped by itself.
_KEPT: Final = 1 << 20
_LARGE: Final = 512 << 10

#: Interval between calls of ``malloc_trim``, in seconds.
GIVE_BACK: Final = 60.0

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3


def keep_freed_memory() -> bool:
    """Tell glibc to keep a mebibyte of freed memory; False where the C library is another.

    By itself it gives back what is freed at the end of its heap from 128 KiB on, and takes it anew, page by page, for
    the next read of a socket: an eighth of the CPU of a large download.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_TRIM_THRESHOLD, _KEPT)) and bool(mallopt(_M_MMAP_THRESHOLD, _LARGE))


def give_back_memory() -> None:
    """Give the system what is free in the middle of the heap, which glibc never does by itself.

    What was in use at a busy moment is free afterwards, between what is still in use: some mebibytes that would
    otherwise stay for good, and more with each busier moment.  Once in ``GIVE_BACK`` seconds it costs next to nothing.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        pass


def fail_in_one_line() -> None:
    """Have an error of ours that nobody caught end the process with its own words and no traceback.

    The line goes to standard error as it was when the process started, and to the log: a daemon has only the latter.
    """

    def show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if isinstance(error, SelliaError):
            complain(str(error))
        else:
            sys.__excepthook__(kind, error, traceback)

    sys.excepthook = show


def complain(text: str) -> None:
    """Report what ends the process, in the log and on standard error."""
    _log.critical("{problem}", problem=". ".join(text.splitlines()))
    if sys.__stderr__ is not None:
        stream = SteadyStream(sys.__stderr__)
        stream.write(f"sellia: {text}\n")
        stream.flush()


class ExitStatus:
    """Exit status of the process, whatever its main program returns; 0 leaves it to that."""

    def __init__(self) -> None:
        self.value = 0
        atexit.register(self._apply)

    def _apply(self) -> None:
        if self.value:
            _leave(self.value)


def _leave(status: int) -> NoReturn:
    flush_streams()
    os._exit(status)


#: Descriptors that a client asks for: one connection to a service for each exchange that a session may have.
DESCRIPTORS: Final = 20_000 + 128


def allow_descriptors(wanted: int, limits: Any = resource) -> int:
    """Raise the number of descriptors that the process may have open to ``wanted``; return what it may have.

    The soft limit, which most systems set to 1,024 for the sake of programs that use ``select``, can be raised by
    anybody up to the hard one.
    """
    soft, hard = limits.getrlimit(limits.RLIMIT_NOFILE)
    if soft == limits.RLIM_INFINITY or soft >= wanted:
        return wanted
    allowed = wanted if hard == limits.RLIM_INFINITY else max(soft, min(wanted, hard))
    limits.setrlimit(limits.RLIMIT_NOFILE, (allowed, hard))
    return int(allowed)


def let_second_signal_kill(reactor: Any) -> None:
    """Restore the default effect of SIGINT and SIGTERM once the process is stopping: a second one kills it."""

    def restore() -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    reactor.addSystemEventTrigger("before", "shutdown", restore)


#: Seconds after which a terminal that was there when SIGHUP came is looked at again: a shell that ends sends it, too.
SHELL_ENDS: Final = 1.0


def stop_in_order(
    reactor: Any,
    set_signal: Callable[[int, Any], Any] = signal.signal,
    controlled: Callable[[], bool] = has_terminal,
    reload: Callable[[], None] | None = None,
) -> None:
    """Have SIGINT and SIGTERM stop the reactor, and let a process that ends in order have status 0.

    So does SIGHUP where the terminal of the process hangs up, as often as it comes.  Where there is no terminal, or one
    that is still there, it calls ``reload``; without that, it ends nothing where there is no terminal.

    Left to itself twistd ends by the very signal that it was sent, however well everything was put away before that,
    and whoever watches over it takes that for a crash.
    """

    def stop() -> None:
        try:
            reactor.stop()
        except ReactorNotRunning:
            pass  # it stops already

    def on_signal(number: int, frame: FrameType | None) -> None:
        reactor.callFromThread(stop)

    def ignore() -> None:
        reactor.callFromThread(_log.info, "SIGHUP is ignored: no terminal controls this process")

    def stop_without_terminal() -> None:
        if not controlled():
            stop()

    def reload_and_look() -> None:
        assert reload is not None
        reload()
        reactor.callLater(SHELL_ENDS, stop_without_terminal)

    def install() -> None:
        for number in _SIGNALS:
            set_signal(number, on_signal)
        leave = partial(reactor.callFromThread, stop)
        if reload is None:
            on_hangup(leave, ignore, set_signal, controlled)
        else:
            again = partial(reactor.callFromThread, reload)
            on_hangup(leave, again, set_signal, controlled, partial(reactor.callFromThread, reload_and_look))

    reactor.callWhenRunning(install)  # because running the reactor sets Twisted's own
    let_second_signal_kill(reactor)


#: Returns the seconds of a monotonic clock that goes on while the machine is suspended, where the system has one.
#: Linux has CLOCK_BOOTTIME; CLOCK_MONOTONIC of macOS counts suspend by itself, unlike Python's ``time.monotonic``.
time_with_suspend: Final = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def keep_monotonic_time(reactor: Any, seconds: Callable[[], float] = time.monotonic) -> None:
    """Schedule the reactor's timers by a monotonic clock, from now on, instead of by the wall clock.

    Twisted's own ``reactor.seconds`` is ``time.time``: when somebody sets the clock, each timer and each deadline moves
    with it.  Timers that are already scheduled keep the time that is left to them.  The wall clock is still what the
    log and the checks of certificates use.
    """
    shift = seconds() - reactor.seconds()
    for call in reactor.getDelayedCalls():
        call.time += shift
        call.seconds = seconds
    reactor.seconds = seconds


def take_over(
    reactor: Any, seconds: Callable[[], float] = time.monotonic, reload: Callable[[], None] | None = None
) -> "TimerService":
    """Have a process of twistd's keep time by ``seconds``, fail in one line, stop in order, and keep freed memory.

    SIGHUP calls ``reload``, unless it is a terminal that hangs up.
    The service that is returned gives freed memory back now and then.
    """
    keep_monotonic_time(reactor, seconds)
    fail_in_one_line()
    settle_streams()
    stop_in_order(reactor, reload=reload)
    keep_freed_memory()
    from twisted.application.internet import TimerService  # for twistd only, because it takes a while

    return TimerService(GIVE_BACK, give_back_memory)
