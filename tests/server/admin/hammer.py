"""A great many calls of the admin API, valid and hostile, against a model of what must be there.

``python -m tests.server.admin.hammer [CALLS [SEED]]`` makes them (100,000 without a number) at a server with an SQLite
database, and after them lets schemathesis try every call; the tests make fewer, at a storage in memory.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

#: Names that accounts and things have; some are what somebody would break a database or a page with.
ACCOUNTS: Final = ("acme", "o'brien", "Robert'); DROP TABLE accounts;--", "ünïcode ☃", "<script>", "a/b", "%s%n", "..")
LABELS: Final = tuple(f"app-{number}" for number in range(24))
SCOPES: Final = ("http", "tcp", "udp", "tls", "admin:read", "admin:write")
_HOSTILE: Final = ("", "\0", "' OR 1=1 --", "\ud800", "x" * 70_000, "a\r\nX: y", "\u202e", "../" * 20, "${7*7}", "null")


class Wrong(AssertionError):
    """An answer that cannot be right."""


@dataclass
class Account:
    """What the model knows of an account; its keys' secrets by their ids, without those that were revoked."""

    id: str
    closed: bool = False
    keys: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)


class Hammer:
    """Makes calls over one connection at a time; what it has done is a function of the seed."""

    def __init__(self, port: int, master: str, seed: int) -> None:
        self._port = port
        self._master = master
        self._random = random.Random(seed)
        self._connection: http.client.HTTPConnection | None = None
        self.accounts: dict[str, Account] = {}
        self.names: dict[str, str | None] = {}
        self.revoked: list[str] = []
        self.calls = 0

    def run(self, calls: int) -> None:
        """Make so many calls.  Raises Wrong."""
        steps = (self._accounts, self._keys, self._names, self._tenant, self._outsider, self._garbage)
        while self.calls < calls:
            self._random.choices(steps, (3, 5, 4, 4, 1, 4))[0]()
            if self._random.random() < 0.01:
                self.compare()
        self.compare()
        if self._connection is not None:
            self._connection.close()

    # --- steps -------------------------------------------------------------------------------------------------

    def _accounts(self) -> None:
        name = self._random.choice(ACCOUNTS)
        known = self.accounts.get(name)
        path = f"accounts/{_quoted(name)}"
        what = self._random.random()
        if what < 0.5:
            made = self._expect("POST", "accounts", {"name": name}, 201 if known is None else 409)
            if known is None:
                self.accounts[name] = Account(made["id"])
        elif what < 0.6:
            self._expect("DELETE", path, None, 204 if known is not None else 404)
            if known is not None:
                self.revoked += [secret for secret, _ in known.keys.values()]
                self.names = {label: owner for label, owner in self.names.items() if owner != known.id}
                del self.accounts[name]
        elif what < 0.8:
            closed = self._random.random() < 0.3
            self._expect("PATCH", path, {"closed": closed}, 200 if known is not None else 404)
            if known is not None:
                known.closed = closed
        else:
            shown = self._expect("GET", path, None, 200 if known is not None else 404)
            if known is not None and (shown["name"], shown["closed_at"] is not None) != (name, known.closed):
                raise Wrong(f"{name} is {known} and was shown as {shown}")

    def _keys(self) -> None:
        name = self._random.choice(ACCOUNTS)
        known = self.accounts.get(name)
        what = self._random.random()
        if known is None or not known.keys or what < 0.5:
            scopes = tuple(self._random.sample(SCOPES, self._random.randint(1, 3)))
            status = 404 if known is None else 409 if known.closed else 201
            if known is not None and len(known.keys) > 20:
                return
            made = self._expect("POST", "keys", {"account": name, "scopes": list(scopes)}, status)
            if status == 201 and known is not None:
                known.keys[made["id"]] = made["key"], scopes
            return
        key = self._random.choice(list(known.keys))
        secret, scopes = known.keys[key]
        if what < 0.75:
            self._expect("DELETE", f"keys/{key}", None, 204)
            del known.keys[key]
            self.revoked.append(secret)
        elif not known.closed:
            made = self._expect("POST", f"keys/{key}/rotate", {}, 201)
            del known.keys[key]
            self.revoked.append(secret)
            known.keys[made["id"]] = made["key"], scopes

    def _names(self) -> None:
        label = self._random.choice(LABELS)
        taken = label in self.names
        if self._random.random() < 0.6:
            owner = self._random.choice([*self.accounts, None])
            account = self.accounts[owner].id if owner is not None else None
            free = not taken or self.names[label] == account
            self._expect("POST", "names", {"account": owner, "name": label}, 201 if free else 409)
            if free:
                self.names[label] = account
        else:
            self._expect("DELETE", f"names/{label}", None, 204 if taken else 404)
            self.names.pop(label, None)

    def _tenant(self) -> None:
        """Somebody with a key of an account sees and changes what is its own, and what its scopes allow."""
        mine = [each for each in self.accounts.values() if each.keys and not each.closed]
        if not mine:
            return
        account = self._random.choice(mine)
        secret, scopes = self._random.choice(list(account.keys.values()))
        reads, writes = "admin:read" in scopes or "admin:write" in scopes, "admin:write" in scopes
        what = self._random.randrange(5)
        if what == 0:
            page = self._expect("GET", "names?limit=1000", None, 200, secret)
            own = {label for label, owner in self.names.items() if reads or owner == account.id}
            if {each["name"] for each in page["items"]} != own:
                raise Wrong(f"with {scopes} of {account.id}, names were {page}, and are {self.names}")
        elif what == 1:
            self._expect("GET", "events?limit=1", None, 200 if reads else 403, secret)
        elif what == 2:
            self._expect("PUT", "limits/hammered", {"clients": 5}, 200 if writes else 403, secret)
        elif what == 3 and not writes:
            label = self._random.choice(LABELS)
            others = label not in self.names or self.names[label] != account.id
            self._expect("DELETE", f"names/{label}", None, 404 if others else 204, secret)
            if not others:
                del self.names[label]
        else:
            page = self._expect("GET", "keys?limit=1000", None, 200, secret)
            if not reads and any(each["account"] != account.id for each in page["items"]):
                raise Wrong(f"{account.id} saw keys of others: {page}")

    def _outsider(self) -> None:
        """Keys that were revoked, made up, or are of a closed account open nothing."""
        closed = [secret for each in self.accounts.values() if each.closed for secret, _ in each.keys.values()]
        shown = self._random.choice([*self.revoked[-50:], *closed, "sl_live_" + "x" * 43, "x"])
        self._expect("GET", self._random.choice(("accounts", "keys", "events", "key")), None, 401, shown)

    def _garbage(self) -> None:
        """What nobody should send is refused, and in our words."""
        pick = self._random.choice
        value: Any = pick((pick(_HOSTILE), pick((0, -1, 2**63, 1e308, True, None, [], {}, [[[[]]]], {"$ne": 1}))))
        path = pick(
            ("accounts", "keys", "names", "domains", "limits", "keys/x/rotate", f"accounts/{_quoted(pick(ACCOUNTS))}")
        )
        query = f"events?{pick(('after', 'kind', 'since', 'limit', 'x'))}={_quoted(pick(_HOSTILE))}"
        body = {pick(("account", "scopes", "networks", "expires_at", "x")): value}
        method, path, given = pick(
            (("POST", path, body), ("GET", query, None), ("PATCH", path, body), ("PUT", path, body))
        )
        status, answer = self._call(method, path, given, self._master)
        if status in (201, 200) and method != "GET":
            raise Wrong(f"{method} {path} {str(given)[:200]} was done: {answer}")

    # --- what must be there ------------------------------------------------------------------------------------

    def compare(self) -> None:
        """Compare all that there is with the model.  Raises Wrong."""
        accounts = {each["name"]: (each["id"], each["closed_at"] is not None) for each in self._all("accounts")}
        expected = {name: (each.id, each.closed) for name, each in self.accounts.items()}
        if accounts != expected:
            raise Wrong(f"accounts are {accounts}, and should be {expected}")
        keys = {each["id"]: tuple(each["scopes"]) for each in self._all("keys") if each["state"] == "active"}
        active = {key for each in self.accounts.values() if not each.closed for key in each.keys}
        if set(keys) != active:
            raise Wrong(f"keys are {set(keys) ^ active} apart")
        names = {each["name"]: each["account"] for each in self._all("names")}
        if names != self.names:
            raise Wrong(f"names are {names}, and should be {self.names}")

    def _all(self, path: str) -> list[Any]:
        limit, cursor, found = self._random.choice((1, 7, 1000)) if path == "accounts" else 1000, "", []
        while True:
            page = self._expect("GET", f"{path}?limit={limit}{cursor}", None, 200)
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"

    # --- calls -------------------------------------------------------------------------------------------------

    def _expect(self, method: str, path: str, body: Any, status: int, key: str | None = None) -> Any:
        said, answer = self._call(method, path, body, key or self._master)
        if said != status:
            raise Wrong(f"call {self.calls}, {method} {path} {body}: {status} was expected, and it is {said} {answer}")
        return answer

    def _call(self, method: str, path: str, body: Any, key: str) -> tuple[int, Any]:
        self.calls += 1
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = {"Authorization": f"Bearer {key}"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        try:
            self._connection.request(method, f"/api/v1/{path}", data, headers)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            # It closes the connection of a body that is too large, and may do so while that is being written.
            self._connection.close()
            if data is None or len(data) < 60_000:
                raise
            return 413, None
        if response.headers.get("Connection", "").lower() == "close":
            self._connection.close()
        if response.status >= 500 or (response.status >= 400 and not json.loads(content)["error"]):
            raise Wrong(f"{method} {path} {str(body)[:300]}: {response.status} {content[:500]!r}")
        if b"Traceback" in content or b"sqlalchemy" in content or b"pydantic" in content:
            raise Wrong(f"{method} {path}: a library's words are in {content[:500]!r}")
        return response.status, json.loads(content) if content else None


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text.encode("utf-8", "surrogatepass")[:2000], safe="")


def main(calls: int, seed: int) -> None:
    """Make calls at a server with a database, until all are made or one is answered wrongly."""
    from tests.openapi import judge
    from tests.processes import free_port, start_server

    with tempfile.TemporaryDirectory(prefix="sellia-hammer-") as directory:
        port = free_port()
        settings = Path(directory, "server.yaml")
        settings.write_text("rates: {enabled: false, auth_failures: {burst: 1000000}}\n")
        listen = f"tcp:{port}:interface=127.0.0.1"
        options = ("--state-dir", f"{directory}/state", "--admin-listen", listen, "--config", str(settings))
        master = "master-" + "m" * 40
        server = start_server(*options, env={"SELLIA_MASTER_KEY": master})
        try:
            hammer, begun = Hammer(port, master, seed), time.monotonic()
            hammer.run(calls)
            print(f"{hammer.calls:,} calls in {time.monotonic() - begun:.0f} s, seed {seed}: as the model says")
            faults = judge(f"http://127.0.0.1:{port}", master, examples=max(3, calls // 1000))
            print("\n".join(faults) or "schemathesis has found nothing")
            assert "Traceback" not in server.output, server.output[-3000:]
        finally:
            server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 100_000, int(sys.argv[2]) if sys.argv[2:] else 1)
