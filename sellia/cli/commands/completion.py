"""``sellia completion SHELL``."""

import click
from click.shell_completion import get_completion_class

#: How to use the script, by shell.
_USE = {
    "bash": 'eval "$(sellia completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(sellia completion zsh)"   in ~/.zshrc',
    "fish": "sellia completion fish > ~/.config/fish/completions/sellia.fish",
}


@click.command(epilog="\b\n" + "\n".join(_USE.values()))
@click.argument("shell", type=click.Choice(list(_USE)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "sellia", "_SELLIA_COMPLETE").source())
