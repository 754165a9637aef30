"""Calls on accounts."""

from typing import Final

from sellia.problems import CONFLICT
from sellia.server.admin.calls.shared import page_of, whose
from sellia.server.admin.models import AccountChange, NewAccount, Paged
from sellia.server.admin.reports import AccountPage, AccountReport
from sellia.server.admin.routes import ROOT, Call, Route, Scope
from sellia.storage.records import DEFAULT_LIMITS, Account


def report(account: Account) -> AccountReport:
    """Return what is said of an account."""
    return AccountReport(
        id=account.id,
        name=account.name,
        limits=account.limits,
        note=account.note,
        created_at=account.created_at,
        closed_at=account.closed_at,
    )


async def list_accounts(call: Call) -> AccountPage:
    """Return a page of accounts, by name; the own one to those who may see no others."""
    operations = call.operations
    own = whose(call, None)
    records = operations.accounts() if own is None else [operations.account(own)]
    found, cursor = page_of("accounts", records, lambda each: each.name, call.query)
    return AccountPage(items=[report(each) for each in found], next=cursor)


async def show_account(call: Call) -> AccountReport:
    """Return one account, by its id or name."""
    account = call.names["account"]
    return report(call.operations.account(whose(call, account) or account))


async def create_account(call: Call) -> AccountReport:
    """Make an account."""
    body: NewAccount = call.body
    made = await call.operations.create_account(
        body.name, limits=body.limits or DEFAULT_LIMITS, note=body.note, by=call.caller.actor
    )
    return report(made)


async def update_account(call: Call) -> AccountReport:
    """Change what is given of an account."""
    body: AccountChange = call.body
    changed = await call.operations.update_account(
        call.names["account"],
        name=body.name,
        limits=body.limits,
        note=body.note,
        closed=body.closed,
        by=call.caller.actor,
    )
    return report(changed)


async def delete_account(call: Call) -> None:
    """Delete an account with its keys and names."""
    await call.operations.delete_account(call.names["account"], by=call.caller.actor)


_ALL: Final = f"{ROOT}accounts"
_ONE: Final = f"{_ALL}/{{account}}"

ROUTES: Final = (
    Route("GET", _ALL, "listAccounts", "List accounts.", Scope.READ, list_accounts, AccountPage, query=Paged, own=True),
    Route(
        *("POST", _ALL, "createAccount", "Make an account.", Scope.WRITE, create_account, AccountReport, 201),
        body=NewAccount,
        problems=(CONFLICT,),
    ),
    Route("GET", _ONE, "showAccount", "Show an account.", Scope.READ, show_account, AccountReport, own=True),
    Route(
        *("PATCH", _ONE, "updateAccount", "Change, close or reopen an account.", Scope.WRITE, update_account),
        answer=AccountReport,
        body=AccountChange,
        problems=(CONFLICT,),
    ),
    Route(
        *("DELETE", _ONE, "deleteAccount", "Delete an account, its keys and its names.", Scope.WRITE, delete_account),
        status=204,
    ),
)
