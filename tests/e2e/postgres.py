"""One PostgreSQL for the tests of this process, and a database of its own for each."""

from __future__ import annotations

import atexit
import itertools
import subprocess
from functools import cache
from typing import Any

from tests.e2e.tcp_services import Service, as_user, postgres_program, start_postgres
from tests.processes import wait_until

_numbers = itertools.count(1)


@cache
def server() -> Service:
    """The server, started when it is first needed."""
    service = start_postgres()
    atexit.register(service.close)
    wait_until(lambda: lets_in(service.port), "PostgreSQL to let users in")
    return service


def lets_in(port: int) -> bool:
    """Whether a server that listens has started."""
    import psycopg

    try:
        psycopg.connect(url("postgres", port=port)).close()
    except psycopg.OperationalError:
        return False
    return True


def control(service: Service, *arguments: str) -> None:
    """Run ``pg_ctl`` for a server, and wait for what it does."""
    command = [postgres_program("pg_ctl"), "-D", str(service.folder / "data"), "-w", *arguments]
    subprocess.run(as_user("postgres", command), check=True, capture_output=True, timeout=120, cwd=service.folder)


def url(database: str, user: str = "postgres", port: int = 0) -> str:
    """The URL of a database of it."""
    return f"postgresql://{user}@127.0.0.1:{port or server().port}/{database}"


def query(database: str, statement: str) -> Any:
    """What a statement answers, outside of a transaction."""
    import psycopg

    with psycopg.connect(url(database), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else None


def new_database(template: str = "template0", options: str = "") -> str:
    """The name of a new database."""
    name = f"sellia{next(_numbers)}"
    query("postgres", f"CREATE DATABASE {name} TEMPLATE {template} {options}")
    return name
