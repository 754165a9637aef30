"""What is wrong with a request is said in our words, each with its place."""

from typing import Any

from pydantic import BaseModel, ValidationError
from twisted.trial.unittest import SynchronousTestCase

from sellia.server.admin.models import EventsQuery, Figures, NewKey, NewName, Rotation, UsageQuery
from sellia.server.admin.words import FAULTS_TOLD, faults_of, sentence_of


class WordTests(SynchronousTestCase):
    def told(self, model: type[BaseModel], value: Any) -> str:
        with self.assertRaises(ValidationError) as caught:
            model.model_validate(value)
        return sentence_of(faults_of(model, caught.exception))

    def test_words(self) -> None:
        for model, value, told in (
            (NewKey, {}, "account is missing."),
            (NewKey, [], "the body must be an object."),
            (NewKey, {"account": 1}, "account must be text."),
            (NewKey, {"account": ""}, "account must have at least 1 characters."),
            (NewKey, {"account": "a", "scope": []}, "scope is not known here; did you mean scopes?."),
            (NewKey, {"account": "a", "scopes": "http"}, "scopes must be a list."),
            (NewKey, {"account": "a", "names": ["x"] * 101}, "names must have at most 100 entries."),
            (NewKey, {"account": "a\n"}, "account has characters that it cannot have."),
            (NewKey, {"account": "a", "limits": 3}, "limits must be the name of a class, or an object of figures."),
            (NewKey, {"account": "a", "limits": ""}, "limits must have at least 1 characters."),
            (NewKey, {"account": "a", "limits": {"clients": "7"}}, "limits.clients must be a whole number."),
            (
                NewKey,
                {"account": "a", "limits": {"tunels": 7}},
                "limits.tunels is not known here; did you mean tunnels?.",
            ),
            (Rotation, {"overlap_seconds": -1}, "overlap_seconds must be at least 0."),
            (Rotation, {"overlap_seconds": 1.5}, "overlap_seconds must be a whole number."),
            (Rotation, {"overlap_seconds": True}, "overlap_seconds must be a whole number."),
            (Figures, {"clients": "7"}, "clients must be a whole number."),
            (NewName, {"name": "x", "kind": "domain"}, "kind must be one of 'subdomain', 'wildcard' or 'port'."),
            (UsageQuery, {"from": "yesterday"}, "from must be a day, such as 2027-01-31."),
            (
                EventsQuery,
                {"since": "2027-01-31T12:00"},
                "since must be a time with its zone, such as 2027-01-31T12:00:00Z.",
            ),
            (EventsQuery, {"after": "x"}, "after must be a whole number."),
        ):
            self.assertEqual(self.told(model, value), told)

    def test_places(self) -> None:
        with self.assertRaises(ValidationError) as caught:
            NewKey.model_validate({"account": "a", "scopes": ["http", "ftp"], "a/b~\x1b[31m": 1})
        faults = faults_of(NewKey, caught.exception)
        self.assertEqual(faults[0]["at"], "/scopes/1")
        self.assertTrue(faults[0]["detail"].startswith("must be one of 'http', 'tcp'"), faults)
        self.assertEqual(faults[1]["at"], "/a~1b~0\\x1b[31m")

    def test_bound(self) -> None:
        with self.assertRaises(ValidationError) as caught:
            NewKey.model_validate({"account": "a", **{f"x{number}": 1 for number in range(1000)}})
        self.assertEqual(len(faults_of(NewKey, caught.exception)), FAULTS_TOLD)
