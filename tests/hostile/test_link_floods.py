"""Floods on links that say nothing: another tenant's visitors wait no longer, and the links end."""

from __future__ import annotations

from statistics import median

from tests.hostile import stage
from tests.hostile.case import HostileCase, cases
from tests.hostile.flooding import FLOODS, LINKS, Flood
from tests.hostile.slow import bystand
from tests.processes import start_python

SECONDS = 1.5

MOST = 0.010
"""Seconds that the median of another's requests may take meanwhile."""


TRIES = 3
"""Times that a flood is played at most: a machine that does something else meanwhile is not the flood's doing."""


def play(test: LinkFloodTests, flood: Flood) -> None:
    """Four links, one flood; links that are ended are made again at once."""
    server, _ = stage.ordinary()
    arguments = str(server.port), str(FLOODS.index(flood)), str(SECONDS)
    least = 1.0
    for _ in range(TRIES):
        quiet = median(bystand(server.port, 0.3))
        with start_python("-m", "tests.hostile.flooding", *arguments, name=flood.name) as flooding:
            flooding.wait_for_line("^ready")
            took = median(bystand(server.port, SECONDS - 0.2))
            ended = int(flooding.wait_for_line("^ended ([0-9]+)")[1])
        print(f"{flood.name}: {took * 1000:.1f} ms, without it {quiet * 1000:.1f} ms; {ended} links were ended")
        if flood.ends:
            test.assertGreaterEqual(ended, LINKS)
        least = min(least, took)
        if least < MOST:
            break
    test.assertLess(least, MOST)


@cases(FLOODS, play)
class LinkFloodTests(HostileCase):
    """One test for each flood."""
