"""Commands of ``sellia admin``, called in this process, with an admin API that is a table of answers."""

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any

from sellia.cli.admin import asking
from tests.cli.case import CommandCase


class Answers:
    """What commands ask of an `AdminApi`: ``answers`` by method and path, and ``asked``, all that was asked."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers
        self.asked: list[tuple[str, Any]] = []

    async def get(self, *parts: str, **query: Any) -> Any:
        """Return the answer to a GET."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._answer(f"GET {'/'.join(parts)}", given)

    async def listed(self, *parts: str, **query: Any) -> Any:
        """Return all entries of a list."""
        return (await self.get(*parts, **query))["items"]

    async def items(self, *parts: str, **query: Any) -> AsyncIterator[Any]:
        """Yield all entries of a list."""
        for each in await self.listed(*parts, **query):
            yield each

    async def write(self, method: str, *parts: str, body: Any = None) -> Any:
        """Return the answer to a write."""
        return self._answer(f"{method} {'/'.join(parts)}", body)

    async def download(self, take: Callable[[bytes], None], *parts: str, **query: Any) -> None:
        """Give something large, in pieces."""
        for each in self._answer(f"GET {'/'.join(parts)}", query):
            take(each)

    def _answer(self, call: str, given: Any) -> Any:
        self.asked.append((call, given))
        found = self._answers[call]
        if isinstance(found, Exception):
            raise found
        return found


class AdminCommandCase(CommandCase):
    """Calls commands."""

    def answered(self, answers: Mapping[str, Any]) -> Answers:
        """Have commands ask this from now on."""
        api = Answers(answers)

        def ask(flags: Mapping[str, Any], work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
            from sellia.cli.server_choice import in_words

            results: list[Any] = []

            def asked() -> int:
                try:
                    work(api).send(None)
                except StopIteration as ended:
                    results.append(ended.value)
                return 0

            in_words(asked)
            return results[0]

        self.patch(asking, "ask", ask)
        return api

    def admin(self, *arguments: str, status: int = 0) -> str:
        """What a command prints."""
        return self.invoke("admin", *arguments, status=status)

    def json(self, *arguments: str) -> Any:
        return json.loads(self.admin(*arguments, "--json"))
