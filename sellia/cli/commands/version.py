"""``sellia version``."""

import platform
from importlib.metadata import version

import click

import sellia


@click.command()
def command() -> None:
    """Show the version, and what it runs on."""
    click.echo(f"sellia {sellia.__version__} (Twisted {version('Twisted')}, Python {platform.python_version()})")
