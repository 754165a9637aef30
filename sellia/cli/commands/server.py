"""``sellia server``: the server's twistd plugin, under a name that people find."""

import sys

import click

from sellia.cli.exits import Exit


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False},
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(options: tuple[str, ...]) -> None:
    """Run a server, as twistd sellia-server does.

    In the foreground, with the same flags, variables and settings file: 'sellia server --help' lists them.
    """
    from twisted.scripts.twistd import run

    from sellia.errors import SettingsError

    sys.argv = ["twistd", "--nodaemon", "--pidfile=", "sellia-server", *options]
    try:
        run()
    except SystemExit as leaving:
        # What is wrong with options is said by a status that is a text, which is raised while the error is handled.
        if not isinstance(leaving.code, str):
            raise
        click.echo(leaving.code.replace("twistd sellia-server: ", "sellia server: ", 1), err=True)
        sys.exit(Exit.SETTINGS if isinstance(leaving.__context__, SettingsError) else Exit.USAGE)
