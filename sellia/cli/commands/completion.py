"""``sellia completion SHELL``."""

import click

from sellia.cli.complete import SHELLS, script
from sellia.cli.word import Word

#: How to use the script, by shell.
_USE = {
    "bash": 'eval "$(sellia completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(sellia completion zsh)"   in ~/.zshrc, below compinit',
    "fish": "sellia completion fish > ~/.config/fish/completions/sellia.fish",
    "powershell": "sellia completion powershell | Out-String | Invoke-Expression   in $PROFILE",
}


@click.command(epilog="\b\n" + "\n".join(_USE.values()))
@click.argument("shell", type=Word("shell", list(SHELLS)))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    It completes commands, options, and the names of the tunnels in the settings files.
    """
    click.echo(script(shell))
