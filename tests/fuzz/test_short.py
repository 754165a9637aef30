"""A little of what `make fuzz` does, and all that was ever found."""

from __future__ import annotations

import os
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.inputs import found, mutated, seeds, strategy
from tests.fuzz.targets import TARGETS, compare, http1, read

MUTATIONS = int(os.environ.get("SELLIA_MUTATIONS", "1500"))
"""Mutations for each target; those that are slow get a tenth."""

SLOW = {"settings", "ingress", "pipe"}


class SeedTests(SynchronousTestCase):
    """Seeds, and what was found, on every target."""

    def test_seeds(self) -> None:
        for name, target in TARGETS.items():
            for data in seeds(name):
                target(data)

    def test_what_was_found_for_one_on_all(self) -> None:
        for name in TARGETS:
            for data in found(name):
                for target in TARGETS.values():
                    target(data)


class MutationTests(SynchronousTestCase):
    """Mutated seeds; a failure names what did it."""

    def play(self, name: str) -> None:
        random = Random(int(os.environ.get("SELLIA_SEED", "1")))
        pool = seeds(name)
        for _ in range(MUTATIONS // 10 if name in SLOW else MUTATIONS):
            data = mutated(random, pool)
            try:
                TARGETS[name](data)
            except Exception as error:
                raise AssertionError(f"{name}: {data!r}: {error!r}") from error

    def test_http1(self) -> None:
        self.play("http1")

    def test_frames(self) -> None:
        self.play("frames")

    def test_codec(self) -> None:
        self.play("codec")

    def test_client_hello(self) -> None:
        self.play("client_hello")

    def test_session(self) -> None:
        self.play("session")

    def test_parcel(self) -> None:
        self.play("parcel")

    def test_original(self) -> None:
        self.play("original")

    def test_responses(self) -> None:
        self.play("responses")

    def test_ingress(self) -> None:
        self.play("ingress")

    def test_pipe(self) -> None:
        self.play("pipe")

    def test_settings(self) -> None:
        self.play("settings")


class HypothesisTests(SynchronousTestCase):
    """What hypothesis makes of parts, for each target."""

    @settings(max_examples=700, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(sorted(set(TARGETS) - SLOW)).flatmap(lambda name: st.tuples(st.just(name), strategy(name))))
    def test_all(self, played: tuple[str, bytes]) -> None:
        name, data = played
        TARGETS[name](data)


class OracleTests(SynchronousTestCase):
    """The comparison with h11 can fail."""

    def test_differences_are_seen(self) -> None:
        data = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\nHost: a\r\n\r\n"
        [first, second] = read([data])
        compare([first, second], data)
        method, target, fields, body = first
        for wrong in (
            (b"PUT", target, fields, body),
            (method, b"/x", fields, body),
            (method, target, fields[1:], body),
            (method, target, fields, b"h"),
        ):
            self.assertRaises(AssertionError, compare, [wrong, second], data)
        self.assertRaises(AssertionError, compare, [first, second, second], data)
        http1(b"\x03" + data)
