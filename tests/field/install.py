"""
Installations of other people's programs, each in a folder of its own, made at first use and kept.

A requirement is a value; `Requirement.install` brings it into a folder and is bounded in time. What cannot be had
raises `Unavailable` with the reason, which becomes the reason why the program is skipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.prepare import SEARCH_PATH, may_install_debian_packages, no_daemons
from tests.processes import ROOT

FOLDER = Path(os.environ.get("SELLIA_FIELD_DIR") or ROOT / ".field")
"""Where installations are kept; ``make clean`` deletes it."""

INSTALL_DEADLINE = 420.0
"""Seconds that one installation may take, its downloads included."""

APPS = Path(__file__).resolve().parent / "apps"


class Unavailable(Exception):
    """A program cannot be installed here; the message says why."""


def command(argv: Sequence[str], folder: Path, deadline: float = INSTALL_DEADLINE, **environment: str) -> str:
    """The output of an installation step, or `Unavailable` with the last line that it wrote."""
    name = " ".join(Path(word).name if word.startswith("/") else word for word in argv[:4])
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=deadline,
            check=False,
        )
    except FileNotFoundError:
        raise Unavailable(f"{argv[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"`{name}` took more than {deadline:g} s") from None
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        last = next((line for line in reversed(output.splitlines()) if line.strip()), "no output")
        raise Unavailable(f"`{name}` failed: {last.strip()[:200]}")
    return output


def find(program: str) -> str | None:
    """Where ``program`` is on the path, ``sbin`` included."""
    return shutil.which(program, path=SEARCH_PATH)


@dataclass(frozen=True)
class Requirement:
    """Nothing but what every machine has on which Sellia's tests run. Other kinds derive from it."""

    def install(self, folder: Path) -> None:
        """Bring the requirement into ``folder``, which exists and is empty."""

    def version(self, folder: Path) -> str:
        """The version of the first package, for the table."""
        return f"Python {sys.version_info.major}.{sys.version_info.minor}"

    def ensure(self, name: str, home: Path = FOLDER) -> Path:
        """The folder of the program called ``name``, installed if it is not there as this requirement says."""
        folder = home / name
        stamp = folder / ".installed"
        digest = hashlib.sha256(repr(self).encode()).hexdigest()
        if not (stamp.exists() and stamp.read_text() == digest):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            self.install(folder)
            stamp.write_text(digest)
        return folder


@dataclass(frozen=True)
class Pip(Requirement):
    """Packages from PyPI in a virtual environment: ``Pip("bokeh==3.10.1", "tornado")``."""

    packages: tuple[str, ...] = ()

    def __init__(self, *packages: str) -> None:
        object.__setattr__(self, "packages", packages)

    def install(self, folder: Path) -> None:
        command([sys.executable, "-m", "venv", str(folder)], folder)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--prefer-binary"]
        command([*pip, "--disable-pip-version-check", *self.packages], folder)

    def version(self, folder: Path) -> str:
        name = self.packages[0].partition("[")[0].partition("=")[0].partition("<")[0]
        code = f"import importlib.metadata as m; print(m.version({name!r}))"
        return command([str(folder / "bin" / "python"), "-c", code], folder).strip()


@dataclass(frozen=True)
class Npm(Requirement):
    """Packages from the npm registry; no install scripts are run: ``Npm("faye@1.4.3", "ws@8", glob="7.2.3")``."""

    packages: tuple[str, ...] = ()
    overrides: tuple[tuple[str, str], ...] = ()

    def __init__(self, *packages: str, **overrides: str) -> None:
        object.__setattr__(self, "packages", packages)
        object.__setattr__(self, "overrides", tuple(overrides.items()))

    def install(self, folder: Path) -> None:
        package = {"name": "field", "private": True, "overrides": dict(self.overrides)}
        (folder / "package.json").write_text(json.dumps(package))
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-progress", "--loglevel=error"]
        command(["npm", "install", *options, *self.packages], folder)

    def version(self, folder: Path) -> str:
        name = self.packages[0]
        name = name[: name.rindex("@")] if "@" in name[1:] else name
        path = str(folder / "node_modules" / name / "package.json")
        return command(["node", "-p", f"JSON.parse(fs.readFileSync({path!r})).version"], folder).strip()


@dataclass(frozen=True)
class Apt(Requirement):
    """Debian packages, by the program that shows that they are there: ``Apt({"ruby": "ruby ruby-webrick"})``."""

    programs: tuple[tuple[str, str], ...] = ()

    def __init__(self, programs: Mapping[str, str]) -> None:
        object.__setattr__(self, "programs", tuple(programs.items()))

    def install(self, folder: Path) -> None:
        missing = [name for program, names in self.programs if find(program) is None for name in names.split()]
        if not missing:
            return
        if not may_install_debian_packages():
            raise Unavailable(f"not root; install it: apt install {' '.join(missing)}")
        with no_daemons():
            command(["apt-get", "update", "-qq"], folder)
            options = ["install", "-qq", "-y", "--no-install-recommends"]
            command(["apt-get", *options, *missing], folder, DEBIAN_FRONTEND="noninteractive")

    def version(self, folder: Path) -> str:
        for program, package in self.programs[:1]:
            if find(program) is None:
                raise Unavailable(f"{program} is gone; delete {folder} and run again")
            try:
                words = ["dpkg-query", "-W", "-f", "${Version}", package.split()[-1]]
                return command(words, folder).strip().partition("-")[0].rpartition(":")[2]
            except Unavailable:  # put there by hand
                break
        return "installed"


@dataclass(frozen=True)
class Several(Requirement):
    """More than one requirement; the version is the last one's."""

    parts: tuple[Requirement, ...] = ()

    def __init__(self, *parts: Requirement) -> None:
        object.__setattr__(self, "parts", parts)

    def install(self, folder: Path) -> None:
        for part in self.parts:
            part.install(folder)

    def version(self, folder: Path) -> str:
        return self.parts[-1].version(folder)


@dataclass(frozen=True)
class Go(Requirement):
    """A program of the Go module proxy: ``Go("github.com/nats-io/nats-server/v2@v2.15.2")``, built into ``bin``."""

    package: str = ""

    def install(self, folder: Path) -> None:
        binary = str(folder / "bin")
        command(["go", "install", self.package], folder, GOBIN=binary, GOFLAGS="-p=2", CGO_ENABLED="0")

    def version(self, folder: Path) -> str:
        return self.package.rpartition("@")[2].lstrip("v")


@dataclass(frozen=True)
class GoModule(Requirement):
    """A Go program of ours in ``apps`` over modules of the Go module proxy."""

    source: str = ""
    modules: tuple[str, ...] = ()

    def install(self, folder: Path) -> None:
        shutil.copy(APPS / self.source, folder / "main.go")
        command(["go", "mod", "init", "field"], folder)
        command(["go", "get", *self.modules], folder)
        command(["go", "build", "-o", "program", "."], folder, CGO_ENABLED="0")

    def version(self, folder: Path) -> str:
        return self.modules[0].rpartition("@")[2].lstrip("v")


@dataclass(frozen=True)
class Maven(Requirement):
    """A Java program of ours in ``apps`` over artifacts of Maven Central, as ``group:artifact:version``."""

    source: str = ""
    artifacts: tuple[str, ...] = field(default=())

    def install(self, folder: Path) -> None:
        entries = ""
        for artifact in self.artifacts:
            group, name, version = artifact.split(":")
            entries += f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
            entries += f"<version>{version}</version></dependency>"
        (folder / "pom.xml").write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>field</groupId><artifactId>field</artifactId>"
            f"<version>1</version><dependencies>{entries}</dependencies></project>"
        )
        command(["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"], folder)
        shutil.copy(APPS / self.source, folder / self.source)
        command(["javac", "-cp", "lib/*", "-d", "classes", self.source], folder)

    def version(self, folder: Path) -> str:
        return self.artifacts[0].rpartition(":")[2]


@dataclass(frozen=True)
class Cargo(Requirement):
    """A Rust program of ours in ``apps`` over crates, as in Cargo.toml: ``Cargo("axum.rs", ('axum = "0.8"',))``."""

    source: str = ""
    crates: tuple[str, ...] = ()

    def install(self, folder: Path) -> None:
        (folder / "src").mkdir()
        shutil.copy(APPS / self.source, folder / "src" / "main.rs")
        head = '[package]\nname = "field"\nversion = "1.0.0"\nedition = "2021"\n[profile.dev]\ndebug = 0\n'
        (folder / "Cargo.toml").write_text(head + "[dependencies]\n" + "\n".join(self.crates) + "\n")
        command(["cargo", "build", "--quiet"], folder)

    def version(self, folder: Path) -> str:
        name = self.crates[0].partition(" ")[0]
        output = command(["cargo", "pkgid", name], folder)
        return output.strip().rpartition("@")[2].rpartition("#")[2]
