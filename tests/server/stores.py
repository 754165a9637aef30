"""A key store that answers when a test says so."""

from twisted.internet.defer import Deferred

from sellia.server.gateway.keys import MasterKeys, Owner


class SlowStore:
    """Writes down what it is asked, and answers later."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str]] = []
        self.cancelled: list[str | None] = []
        self._answers: list[Deferred[Owner]] = []

    def find(self, key: str | None, remote: str) -> "Deferred[Owner]":
        self.asked.append((key, remote))
        answer: Deferred[Owner] = Deferred(lambda _: self.cancelled.append(key))
        self._answers.append(answer)
        return answer

    def moved(self, owner: Owner, key: str | None, remote: str) -> Owner:
        return owner

    def answer(self, number: int = -1, error: Exception | None = None) -> None:
        """The answer to one of the questions: the key's owner, or an error."""
        key, remote = self.asked[number]
        if error is not None:
            self._answers[number].errback(error)
        else:
            self._answers[number].callback(MasterKeys(None).find(key, remote))
