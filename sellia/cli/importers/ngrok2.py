"""Settings files of ngrok, version 2 and before: the agent's keys at the top, and ``tunnels`` by name."""

from typing import Any

from sellia.cli.importers.ngrok import set_agent, set_tunnels
from sellia.cli.importers.result import Imported
from sellia.cli.importers.source import Source


def convert(tree: dict[str, Any]) -> Imported:
    """Return what becomes of a file."""
    source, imported = Source(tree), Imported("ngrok, version 2")
    source.take("version")
    set_agent(source, (), imported)
    set_tunnels(source, imported)
    return imported.finish(source)
