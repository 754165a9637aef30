"""Quoting: read back by bash, and by the rules of cmd.exe and the C runtime."""

import subprocess

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.quoting import bash, cmd, config
from tests.inspector.hostile_lines import BLOBS, LINES, TEXTS


def console(line: str) -> str:
    """What cmd.exe's console hands to a program: carets go, and nothing outside quotes that it acts on may be bare."""
    out, at, quoted = "", 0, False
    while at < len(line):
        each = line[at]
        if each == "^" and not quoted:
            out += line[at + 1]
            at += 2
            continue
        assert quoted or each not in "&|<>()", f"bare {each}"
        if each == '"':
            quoted = not quoted
        assert each != "%", "a variable may be put here"
        out += each
        at += 1
    return out


def arguments(line: str) -> list[str]:
    """The arguments that Microsoft's C runtime makes of a command line."""
    found, current, quoted, at = [], "", False, 0
    while at < len(line):
        slashes = len(line[at:]) - len(line[at:].lstrip("\\"))
        if slashes:
            at += slashes
            if line[at : at + 1] == '"':
                current += "\\" * (slashes // 2)
                if slashes % 2:
                    current += '"'
                    at += 1
            else:
                current += "\\" * slashes
            continue
        each = line[at]
        if each == '"':
            quoted = not quoted
        elif each == " " and not quoted:
            found.append(current)
            current = ""
        else:
            current += each
        at += 1
    return [*found, current]


class BashTests(SynchronousTestCase):
    def test_what_bash_reads(self) -> None:
        wanted = [*(text.encode() for text in TEXTS), *(blob.replace(b"\0", b"") for blob in BLOBS)]
        script = "printf '%s\\0' " + " ".join(map(bash, wanted))
        found = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout
        self.assertEqual(found.split(b"\0")[:-1], wanted)

    def test_readable(self) -> None:
        self.assertEqual(bash("plain"), "plain")
        self.assertEqual(bash("a b"), "'a b'")
        self.assertEqual(bash("Zoë"), "'Zoë'")
        self.assertEqual(bash(b"\xff"), "$'\\xff'")
        self.assertEqual(bash("\u202e"), "$'\\xe2\\x80\\xae'")

    def test_nul(self) -> None:
        self.assertRaises(ValueError, bash, b"a\0b")


class CmdTests(SynchronousTestCase):
    def test_what_a_program_gets(self) -> None:
        line = " ".join(["curl.exe", *map(cmd, LINES)])
        self.assertEqual(arguments(console(line)), ["curl.exe", *LINES])

    def test_controls(self) -> None:
        for text in ("a\nb", "\0", "\x1b", "\r", "\x7f"):
            self.assertRaises(ValueError, cmd, text)


class ConfigTests(SynchronousTestCase):
    def test_lines(self) -> None:
        self.assertEqual(config("url", "https://x/"), 'url = "https://x/"')
        self.assertEqual(config("header", 'a: "b"\\\n'), 'header = "a: \\"b\\"\\\\\\n"')

    def test_nothing_ends_the_here_string(self) -> None:
        for text in TEXTS:
            try:
                line = config("data-raw", text)
            except ValueError:
                continue
            self.assertNotIn("\n", line)

    def test_controls(self) -> None:
        self.assertRaises(ValueError, config, "data-raw", "\0")
        self.assertRaises(ValueError, config, "data-raw", "\x1b")
