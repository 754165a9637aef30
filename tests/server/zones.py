"""A DNS in memory."""

from collections.abc import Iterable

from twisted.internet.defer import Deferred

from sellia.server.gateway.control import LookupFailed


class MemoryZones:
    """Records by name.  ``silent``: it never answers; ``broken``: it answers with an error."""

    def __init__(self) -> None:
        self.texts_of: dict[str, list[str]] = {}
        self.aliases: dict[str, str] = {}
        self.silent = self.broken = False
        self.asked: list[str] = []

    def text(self, name: str, *texts: str) -> None:
        """Make TXT records."""
        self.texts_of[name] = list(texts)

    def clear(self) -> None:
        """Take all records away."""
        self.texts_of.clear()
        self.aliases.clear()

    async def texts(self, name: str) -> list[str]:
        await self._answer(f"{name} TXT")
        return self.texts_of.get(name, [])

    async def alias(self, name: str) -> str | None:
        await self._answer(f"{name} CNAME")
        return self.aliases.get(name)

    async def _answer(self, question: str) -> None:
        self.asked.append(question)
        if self.silent:
            await Deferred()
        if self.broken:
            raise LookupFailed("its name servers answered with an error")

    def count(self, names: Iterable[str]) -> int:
        """Return how many questions were about names."""
        return sum(1 for each in self.asked if each.split()[0] in names)
