"""Plans and applies a file: what ``sellia admin plan`` and ``apply`` do between them."""

from collections.abc import Callable, Coroutine
from typing import Any

import click

from sellia.cli.admin.api import AdminApi
from sellia.cli.admin.plan import Found, Plan, make_plan
from sellia.cli.admin.plan_file import read_plan_file
from sellia.cli.texts import plural, safe


def planned(file: str, prune: bool) -> Callable[[AdminApi], Coroutine[Any, Any, Plan]]:
    """Return what asks for a plan of the file."""

    async def work(api: AdminApi) -> Plan:
        wanted = read_plan_file(file)
        own = (await api.get("key"))["account"]
        limits, accounts, names, domains = [
            await api.listed(each) for each in ("limits", "accounts", "names", "domains")
        ]
        found = Found(limits, accounts, names, domains, own)
        return make_plan(wanted, found, prune=prune)

    return work


def applied(
    file: str, prune: bool, agree: Callable[[Plan], bool], quiet: bool
) -> Callable[[AdminApi], Coroutine[Any, Any, tuple[Plan, int]]]:
    """Return what makes it so, if ``agree`` says yes to the plan; its result is the plan and the number of steps done.

    A step that is refused ends it: the error says which, and what was done before stays.
    """

    async def work(api: AdminApi) -> tuple[Plan, int]:
        plan = await planned(file, prune)(api)
        if not agree(plan):
            return plan, 0
        for number, step in enumerate(plan.steps):
            try:
                await api.write(step.method, *step.path, body=step.body)
            except Exception:
                done = f"{plural(number, 'step')} of {len(plan.steps)} done"
                click.echo(f"{done}; this one was refused: {step.sign} {safe(step.line)}", err=True)
                raise
            if not quiet:
                click.echo(f"done: {step.sign} {safe(step.line)}")
        return plan, len(plan.steps)

    return work


def text_of(plan: Plan) -> str:
    """Return the plan for people."""
    lines = [f"  {each.sign} {safe(each.line)}" for each in plan.steps]
    if not lines:
        lines = ["Everything is as the file says."]
    if plan.left:
        lines.append(f"Left as they are, because the file does not mention them: {plural(len(plan.left), 'thing')}.")
        lines += [f"    {safe(each)}" for each in plan.left[:20]]
        lines += [f"    and {len(plan.left) - 20} more"] if len(plan.left) > 20 else []
        lines.append("With --prune they are taken away.")
    return "\n".join(lines)


def as_json_of(plan: Plan) -> dict[str, Any]:
    """Return the plan as a JSON object."""
    steps = [{"sign": each.sign, "text": each.line, "method": each.method, "path": list(each.path), "body": each.body}
             for each in plan.steps]  # fmt: skip
    return {"steps": steps, "left": plan.left}
