"""``sellia auth status``: the keys that are stored, and what their servers say of them."""

import json
import os
import sys

import click

from sellia.cli.server_options import server_options


@click.command()
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool, **flags: str | None) -> None:
    """Show for which servers keys are stored, and what they may do.

    Ends with status 77 if there is no key, or one that its server does not accept; 69 if a server cannot be reached, 78
    if a key cannot be used as it is stored.
    """
    from sellia.cli.exits import Exit, exit_of
    from sellia.cli.key_status import stored_keys
    from sellia.cli.server_choice import in_words, tell_of_other_key, way_of
    from sellia.credentials import credentials
    from sellia.errors import UnreachableError

    def work() -> int:
        way, store = way_of(flags, os.environ), credentials(os.environ)
        one = flags["server"] is not None or flags["profile"] is not None
        servers = [way.server] if one and way.server is not None else store.servers()
        found = stored_keys(servers, store, way)
        if as_json:
            click.echo(json.dumps({"servers": [each.as_json() for each in found]}))
        else:
            none = "No key is stored. 'sellia auth login --server URL' stores one."
            click.echo("\n\n".join(each.as_text() for each in found) or none)
            tell_of_other_key(way)
        errors = [each.error for each in found if each.error is not None]
        if not errors:
            return Exit.OK if found else Exit.NOT_AUTHORISED
        return exit_of(min(errors, key=lambda error: isinstance(error, UnreachableError)))

    sys.exit(in_words(work))
