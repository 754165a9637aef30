"""Writes what was imported as a settings file of ours."""

import yaml

from sellia.cli.importers.result import Imported, ImportedTunnel


def written(imported: Imported, origin: str, server: str | None = None) -> str:
    """Return the text of a settings file; ``origin`` names the file that was imported.

    A tunnel that is withheld stands there as a comment, with the reason.
    """
    lines = [f"# Made of {origin} ({imported.kind}) by `sellia config import`."]
    lines.append("version: 1")
    settings = dict(imported.settings)
    if server is not None:
        settings = {"server": server, **settings}
    else:
        lines.append("# server: https://tunnel.example.com    # the URL of your Sellia server")
    if settings:
        lines += _dumped(settings)
    if imported.tunnels:
        given = [each for each in imported.tunnels if not each.withheld]
        lines.append("tunnels:" if given else "# tunnels:")
        for tunnel in imported.tunnels:
            lines += _tunnel(tunnel)
    return "\n".join(lines) + "\n"


def _tunnel(tunnel: ImportedTunnel) -> list[str]:
    lines = [f"  {line}" for line in _dumped({tunnel.name: tunnel.settings or None})]
    if not tunnel.withheld:
        return lines
    return [*(f"  # Withheld: {reason}." for reason in dict.fromkeys(tunnel.withheld)), *(f"#{line}" for line in lines)]


def _dumped(value: object) -> list[str]:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000, default_flow_style=False)
    return text.rstrip("\n").split("\n")
