"""``sellia help CODE``: what the catalogue of problems says of one, as ``docs/errors.rst`` has it."""

import click

from sellia.cli.main import nearest
from sellia.problems import PROBLEMS


@click.command()
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Explain an error code, without a network.

    CODE is the word in the Sellia-Error header, at the beginning of a close reason, or after word= in a log line.
    Without one, all codes are listed.
    """
    if code is None:
        width = max(map(len, PROBLEMS))
        for each in PROBLEMS.values():
            click.echo(f"{each.code:{width}}  {each.sentence}")
        return
    problem = PROBLEMS.get(code.strip().rstrip(":").lower())
    if problem is None:
        raise click.UsageError(f"No such code: {code}.{nearest(code, PROBLEMS)} 'sellia help' lists the codes.")
    status = problem.status if problem.status is not None else "none: told to an open WebSocket or to the client only"
    close = problem.close_code if problem.close_code is not None else "none: told before an upgrade only"
    click.echo(f"{problem.code}\n\n  {problem.sentence}\n  {problem.remedy}\n")
    click.echo(f"  HTTP status   {status}\n  Close code    {close}")
