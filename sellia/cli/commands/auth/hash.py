"""``sellia auth hash``: makes a line of a tunnel's ``auth_file``."""

import sys

import click


@click.command()
@click.argument("user")
def command(user: str) -> None:
    """Make a line of a tunnel's auth_file, with a password's hash.

    The password is asked for, or read from standard input where that is no terminal. The line is written to standard
    output: `sellia auth hash alice >> users.txt`.
    """
    from sellia.cli.texts import safe
    from sellia.relay.passwords import checked_user, hash_password

    try:
        checked_user(user)
    except ValueError as error:
        raise click.UsageError(f"{safe(user[:80])} {error}.") from None
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline(4097).rstrip("\r\n")
    if not password or len(password) > 4096 or not password.isprintable():
        raise click.UsageError("A password has 1 to 4096 characters, and no control character.")
    click.echo(f"{user}:{hash_password(password)}")
