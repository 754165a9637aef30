"""Lets atheris play one target: ``python -m tests.fuzz.guided TARGET SECONDS RUNS FOLDER``.

atheris watches which branches of Sellia an input reaches, keeps those that reach new ones in FOLDER/corpus, and changes
them further.  What breaks a promise is written to FOLDER, and ends the process with another status than 0.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(name: str, seconds: str, runs: str, folder: str) -> None:
    """Play until the time is over, or so many inputs have been played."""
    import atheris

    with atheris.instrument_imports(include=["sellia"]):
        from tests.fuzz.inputs import WORDS, seeds
        from tests.fuzz.targets import TARGETS

    corpus = Path(folder) / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = Path(folder) / "words"
    words.write_text("".join('"' + "".join(f"\\x{octet:02x}" for octet in word) + '"\n' for word in WORDS))
    options = [
        *(f"-max_total_time={seconds}", f"-runs={runs}", "-max_len=8192", "-rss_limit_mb=1024", "-timeout=10"),
        *("-print_final_stats=1", f"-dict={words}", f"-artifact_prefix={folder}/", "-verbosity=1"),
    ]
    atheris.Setup([name, str(corpus), *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
