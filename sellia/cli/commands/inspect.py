"""``sellia inspect``: opens a recording in the inspector, or tells where the inspector of a running client is."""

import os
from typing import Any

import click

from sellia.cli.control import ControlFailure, ask, choose, completions, running
from sellia.cli.exits import Exit
from sellia.text import printable

#: Bytes that are taken of a recording, if nothing else is said.
MEMORY = "1 GiB"


class InspectFailure(click.ClickException):
    """A recording cannot be shown."""

    exit_code = Exit.FAILED


@click.command()
@click.argument("what", metavar="[FILE|NAME|PID]", required=False, shell_complete=completions)
@click.option("--inspector", metavar="ADDRESS", help="Port or address to show it at. [default: 127.0.0.1:4040]")
@click.option("--memory", metavar="SIZE", default=MEMORY, help=f"Bytes to take of a recording. [default: {MEMORY}]")
def command(what: str | None, inspector: str | None, memory: str) -> None:
    """Show a recording of traffic, or where a client's inspector is.

    FILE is what --record has written: it is shown as by the inspector of a client, until Ctrl-C, and only looked at.

    Without a file, the URL of the inspector of a client that runs on this machine is printed. NAME is that of a tunnel,
    PID the process of a client; neither is needed where only one client runs.
    """
    if what is None or (not os.path.lexists(what) and not _looks_like_file(what)):
        click.echo(url_of_client(what))
        return
    show(what, inspector, memory)


def _looks_like_file(what: str) -> bool:
    return os.sep in what or "." in what


def url_of_client(which: str | None) -> str:
    """Return the URL of the inspector of a client that runs.  Raises ControlFailure."""
    (chosen,) = choose(running(), which, None, "inspect")
    for answer in ask(chosen.client, {"command": "inspector"}):
        told = answer.get("inspector")
        if isinstance(told, dict) and isinstance(told.get("url"), str):
            return printable(told["url"], 1024)
    raise ControlFailure(f"{chosen.client.shown} has ended.")


def show(path: str, address: str | None, memory: str) -> None:
    """Serve a recording until the user ends it.  Raises ClickException."""
    from sellia.client.settings.inspector import InspectorSettings
    from sellia.errors import SelliaError
    from sellia.inspector.recording.reader import read
    from sellia.settings import Findings, check, gather

    findings = Findings()
    flags = {"inspector": address, "inspector_memory": memory, "no_inspector": None, "record": None}
    try:
        given = gather(InspectorSettings, flags=flags, environment=os.environ, findings=findings)
        settings = check(InspectorSettings, given, findings)
        recorded = read(path, settings.inspector_memory)
    except SelliaError as error:
        raise InspectFailure(str(error).replace("--inspector-memory:", "--memory:")) from None
    click.echo(about(recorded))
    serve(settings, recorded)


def about(recorded: Any) -> str:
    """Return what there is to say about a recording, in a sentence for each thing that one has to know."""
    shown = len(recorded.store)
    lines = [f"{printable(recorded.path)}: {_exchanges(recorded.exchanges)}"]
    if recorded.store.lost.exchanges:
        lines.append(f"Only the newest {shown:,} have room: give more with --memory SIZE.")
    if recorded.damaged:
        lines.append(f"{_exchanges(recorded.damaged)} cannot be read, because the file is damaged.")
    if recorded.missing:
        lines.append(f"{recorded.missing} were not recorded, because the disk was too slow or full.")
    return "\n".join(lines)


def _exchanges(count: int) -> str:
    return f"{count:,} exchange{'' if count == 1 else 's'}"


def serve(settings: Any, recorded: Any) -> None:
    """Answer until a signal ends the process.  Raises ClickException."""
    from twisted.internet import reactor as running_reactor

    from sellia.client.inspector.inspector import Inspector
    from sellia.errors import SettingsError

    reactor: Any = running_reactor
    try:
        inspector = Inspector(settings, reactor, recorded=recorded)
    except SettingsError as error:
        raise InspectFailure(str(error).replace("--inspector-memory:", "--memory:")) from None
    inspector.start()
    reactor.addSystemEventTrigger("before", "shutdown", inspector.stop)
    click.echo(f"{inspector.url}\nCtrl-C ends it.")
    reactor.run()
