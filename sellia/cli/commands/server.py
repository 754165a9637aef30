"""``sellia server``: the server's twistd plugin, under a name that people find."""

import sys

import click


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

    sys.argv = ["twistd", "--nodaemon", "--pidfile=", "sellia-server", *options]
    run()
