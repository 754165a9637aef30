"""Completion of the command line: commands, options, their values, and the names of tunnels.

Need
    A shell asks at each press of Tab, and waits.  So no command is imported, no setting is parsed, and nothing of
    pydantic, Twisted or YAML is loaded: what there is to offer stands in ``commands.json``
    (:mod:`sellia.cli.describe`), and names of tunnels are found by looking at the lines of the settings files.

How
    click's classes speak with bash, zsh and fish; what they are told comes from here.  PowerShell has one of its own.

Bounds
    ``FILE_LIMIT`` bytes of each settings file, and ``LEVELS`` directories upwards.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete

#: Variable in which a script asks; its value says which shell it is, and what it wants.
VARIABLE: Final = "_SELLIA_COMPLETE"

#: Bytes of a settings file that are looked at, and directories in which one is looked for.
FILE_LIMIT: Final = 256 * 1024
LEVELS: Final = 64

#: What arguments are completed with, by command and position: ``tunnels``, ``codes``, ``files``.
_ARGUMENTS: Final = {
    "http": "files",
    "tcp": "nothing",
    "tls": "nothing",
    "udp": "nothing",
    "start": "tunnels",
    "stop": "tunnels",
    "run": "nothing",
    "help": "codes",
    "config import": "files",
}

#: What values of options are completed with, by what stands for the value.
_VALUES: Final = {"FILE": "files", "DIRECTORY": "directories", "TARGET": "files"}

_KEY: Final = re.compile(r"""^(?P<indent> *)(?P<quote>["']?)(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]*)(?P=quote) *:(?: |$)""")
_FLOW_KEY: Final = re.compile(r"(?:^|,) *[\"']?([A-Za-z0-9][A-Za-z0-9_.-]*)[\"']? *:")


def candidates(words: list[str], incomplete: str) -> list[CompletionItem]:
    """Return what may stand in the place of ``incomplete``, behind ``words`` (without ``sellia``)."""
    try:
        table: Mapping[str, Any] = json.loads((Path(__file__).parent / "commands.json").read_bytes())
    except (OSError, ValueError):  # of an installation that is being replaced
        return []
    name, given, config = "", 0, None
    waiting: Mapping[str, Any] | None = None
    options_end = False
    for word in words:
        entry = table[name]
        if waiting is not None:
            config = word if "--config" in waiting["names"] else config
            waiting = None
        elif word == "--":
            options_end = True
        elif word.startswith("-") and not options_end:
            option, equals, value = word.partition("=")
            found = _option(entry, option)
            if found is not None and "value" in found and not equals:
                waiting = found
            elif equals and option == "--config":
                config = value
        elif word in entry.get("commands", ()):
            name = f"{name} {word}".strip()
        else:
            given += 1
    entry = table[name]
    if waiting is not None:
        return list(_values(waiting, incomplete, config))
    if incomplete.startswith("-") and not options_end:
        return _option_names(entry, incomplete)
    commands = [CompletionItem(each, help=_help(table, name, each)) for each in entry.get("commands", ())]
    return [each for each in commands if each.value.startswith(incomplete)] or list(
        _arguments(name, entry, given, incomplete, config)
    )


def _option(entry: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return next((each for each in entry["options"] if name in each["names"]), None)


def _option_names(entry: Mapping[str, Any], incomplete: str) -> list[CompletionItem]:
    """Return the names of options; short ones only where there is no long one."""
    return [
        CompletionItem(name, help=each["help"].partition("\n")[0])
        for each in entry["options"]
        for name in ([long for long in each["names"] if long.startswith("--")] or each["names"])
        if name.startswith(incomplete)
    ]


def _values(option: Mapping[str, Any], incomplete: str, config: str | None) -> Iterator[CompletionItem]:
    value = option["value"]
    if "choices" in option or re.fullmatch(r"[a-z0-9]+(\|[a-z0-9]+)+", value):
        yield from _beginning(option.get("choices") or value.split("|"), incomplete)
    elif value in _VALUES:
        yield from _of_kind(_VALUES[value], incomplete, config)
    elif "--profile" in option["names"]:
        yield from _of_kind("profiles", incomplete, config)


def _arguments(
    name: str, entry: Mapping[str, Any], given: int, incomplete: str, config: str | None
) -> Iterator[CompletionItem]:
    arguments = entry["arguments"]
    if not arguments or (given >= len(arguments) and not arguments[-1]["many"]):
        return
    argument = arguments[min(given, len(arguments) - 1)]
    if "choices" in argument:
        yield from _beginning(argument["choices"], incomplete)
    else:
        yield from _of_kind(_ARGUMENTS.get(name, "nothing"), incomplete, config)


def _of_kind(kind: str, incomplete: str, config: str | None) -> Iterator[CompletionItem]:
    if kind == "codes":
        from sellia.problems import PROBLEMS

        for code, problem in PROBLEMS.items():
            if code.startswith(incomplete):
                yield CompletionItem(code, help=problem.sentence)
    elif kind in ("tunnels", "profiles"):
        yield from _beginning(names_in(settings_files(config), kind), incomplete)
    elif kind in ("files", "directories"):
        yield CompletionItem(incomplete, type="file" if kind == "files" else "dir")


def _beginning(names: Iterable[str], incomplete: str) -> Iterator[CompletionItem]:
    return (CompletionItem(each) for each in names if each.startswith(incomplete))


def _help(table: Mapping[str, Any], group: str, name: str) -> str:
    entry = table.get(f"{group} {name}".strip())
    return str(entry["help"]).partition("\n")[0] if entry is not None else ""


# --- names in settings files -----------------------------------------------------------------------------------


def settings_files(config: str | None = None) -> list[Path]:
    """Return the settings files of a client, as :mod:`sellia.settings.standing` finds them; none need be there."""
    if config is not None:
        return [Path(os.path.expanduser(config))]
    home = os.environ.get("HOME", "")
    user = os.environ.get("XDG_CONFIG_HOME", "") or (os.path.join(home, ".config") if home else "")
    found = [Path("/etc/sellia/sellia.yaml")]
    if os.path.isabs(user):
        found.append(Path(user, "sellia", "sellia.yaml"))
    try:
        here = Path.cwd()
    except OSError:
        return found
    for directory in (here, *here.parents)[:LEVELS]:
        project = directory / "sellia.yaml"
        if project.exists():
            return [*found, project]
        if (directory / ".git").exists() or str(directory) == home:
            break
    return found


def names_in(files: Iterable[Path], group: str) -> list[str]:
    """Return the names below ``group`` in all files, each once; what cannot be read has none."""
    names: dict[str, None] = {}
    for path in files:
        try:
            with path.open("rb") as file:
                text = file.read(FILE_LIMIT).decode("utf-8-sig", "replace")
        except OSError:
            continue
        names |= dict.fromkeys(_names_below(text, group))
    return list(names)


def _names_below(text: str, group: str) -> Iterator[str]:
    """Yield the names of a map at the top of a file, as it is usually written: each on a line of its own."""
    inside, depth = False, 0
    for line in text.splitlines():
        if line.strip()[:1] in ("", "#"):
            continue
        flow = re.match(rf"^{group} *: *\{{(.*)$", line)
        if flow is not None:
            yield from _FLOW_KEY.findall(re.sub(r"\{[^{}]*\}", "", flow[1]))
            continue
        found = _KEY.match(line)
        indent = len(line) - len(line.lstrip(" "))
        if indent == 0:
            inside, depth = found is not None and found["name"] == group, 0
        elif inside and found is not None:
            depth = depth or indent
            if indent == depth:
                yield found["name"]


# --- shells ----------------------------------------------------------------------------------------------------


class PowershellComplete(ShellComplete):
    """PowerShell, from version 5.1 on: it hands over the words before the cursor, and the one that is begun."""

    name = "powershell"
    source_template = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = $commandAst.CommandElements |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        Select-Object -Skip 1 | ForEach-Object { $_.Extent.Text.Trim("'", '"') }
    $env:%(complete_var)s = 'powershell_complete'
    $env:COMP_WORDS = $words -join "`n"
    $env:COMP_CWORD = $wordToComplete
    try {
        %(prog_name)s | ForEach-Object {
            $value, $help = $_ -split "`t", 2
            if (-not $help) { $help = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
        }
    } finally {
        Remove-Item Env:%(complete_var)s, Env:COMP_WORDS, Env:COMP_CWORD -ErrorAction SilentlyContinue
    }
}
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        return [each for each in os.environ.get("COMP_WORDS", "").split("\n") if each], os.environ.get("COMP_CWORD", "")

    def format_completion(self, item: CompletionItem) -> str:
        """Return a line; files are left to PowerShell, which offers them where there is nothing else."""
        return f"{item.value}\t{item.help or ''}" if item.type == "plain" else ""


class _Fast:
    """Has a shell's class of click offer `candidates`."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        return candidates(args, incomplete)


class _Bash(_Fast, BashComplete):
    """bash, from version 4.4 on."""

    @staticmethod
    def _check_version() -> None:
        """Not by running bash, as click does: the script is for the bash that sources it."""


class _Zsh(_Fast, ZshComplete):
    """zsh."""


class _Fish(_Fast, FishComplete):
    """fish."""


class _Powershell(_Fast, PowershellComplete):
    """PowerShell."""


SHELLS: Final[Mapping[str, type[ShellComplete]]] = {
    "bash": _Bash,
    "zsh": _Zsh,
    "fish": _Fish,
    "powershell": _Powershell,
}


def script(shell: str) -> str:
    """Return the completion script of a shell."""
    return _asked(shell).source()


def answer(instruction: str) -> str:
    """Return what a script gets that asks, such as ``bash_complete``; nothing for what is not known."""
    shell, _, what = instruction.partition("_")
    if shell not in SHELLS:
        return ""
    return _asked(shell).complete() if what == "complete" else script(shell)


def _asked(shell: str) -> ShellComplete:
    command: Any = None  # what click would ask for completions
    return SHELLS[shell](command, {}, "sellia", VARIABLE)
