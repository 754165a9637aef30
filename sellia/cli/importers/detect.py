"""Finds out which tunnel a settings file belongs to, and has it read."""

import configparser
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Final

import yaml

from sellia.cli.importers import cloudflared, frp, frp_ini, ngrok2, ngrok3
from sellia.cli.importers.result import Imported
from sellia.cli.importers.source import ImportFailure
from sellia.text import printable

#: Formats, by the name that ``--format`` takes.
FORMATS: Final[Mapping[str, Callable[[Any], Imported]]] = {
    "ngrok2": ngrok2.convert,
    "ngrok3": ngrok3.convert,
    "cloudflared": cloudflared.convert,
    "frp": frp.convert,
    "frp-ini": frp_ini.convert,
}

_KNOWN: Final = "settings of ngrok, cloudflared (config.yml) or frp (frpc.toml, frpc.ini)"


def import_text(text: str, format: str | None = None) -> Imported:
    """Read a foreign file, of the format that is named or found out.  Raises `ImportFailure`."""
    if format is None:
        format, tree = _detected(text)
    elif format == "frp-ini":
        tree = _ini(text)
    else:
        tree = _toml(text) if format == "frp" and not _looks_like_yaml(text) else _yaml(text)
    if not isinstance(tree, dict):
        raise ImportFailure(f"has no keys: {_KNOWN} are read")
    return FORMATS[format](tree)


def _detected(text: str) -> tuple[str, Any]:
    if re.search(r"(?m)^\s*\[common\]\s*$", text):
        return "frp-ini", _ini(text)
    if not _looks_like_yaml(text):
        return "frp", _toml(text)
    tree = _yaml(text)
    if not isinstance(tree, dict):
        raise ImportFailure(f"has no keys: {_KNOWN} are read")
    for format, is_it in _SIGNS:
        if is_it(tree):
            return format, tree
    if "server" in tree and "tunnels" in tree:
        raise ImportFailure("is a settings file of Sellia already: give it with --config")
    raise ImportFailure(f"is not known: {_KNOWN} are read. If it is one of them, say which with --format")


def _is_ngrok2(tree: Mapping[str, Any]) -> bool:
    return str(tree.get("version")) in ("1", "2") or "authtoken" in tree or "tunnels" in tree and "server" not in tree


#: Keys that only cloudflared has.
_CLOUDFLARED: Final = {"ingress", "tunnel", "credentials-file", "originRequest", "origincert", "no-tls-verify"}

_SIGNS: Final[tuple[tuple[str, Callable[[Mapping[str, Any]], bool]], ...]] = (
    ("cloudflared", lambda tree: bool(_CLOUDFLARED & tree.keys())),
    ("frp", lambda tree: bool({"serverAddr", "proxies", "visitors"} & tree.keys())),
    ("ngrok3", lambda tree: str(tree.get("version")) == "3" or bool({"agent", "endpoints"} & tree.keys())),
    ("ngrok2", _is_ngrok2),
)


def _looks_like_yaml(text: str) -> bool:
    """Whether the first line that says something is one of YAML or JSON, and not of TOML."""
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith(("#", "---", "%")):
            return not (re.match(r"^[\w.\"'-]+\s*=", line) or line.startswith("[["))
    return True


def _yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark is not None else ""
        raise ImportFailure(f"is not valid YAML{line}") from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise ImportFailure("is not valid YAML") from None


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r"\(at line ([0-9]+), column [0-9]+\)$", str(error))
        line = f" (line {found[1]})" if found else ""
        template = ": put the values in the place of its {{ templates }}" if "{{" in text else ""
        raise ImportFailure(f"is not valid TOML{line}{template}") from None


def _ini(text: str) -> Any:
    parser = configparser.ConfigParser(
        interpolation=None, strict=False, delimiters=("=",), comment_prefixes=("#", ";"), default_section="\0"
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of headers keep their case
    try:
        parser.read_string(text)
    except configparser.ParsingError as error:
        line = f" (line {error.errors[0][0]})" if error.errors else ""
        raise ImportFailure(f"is not valid INI{printable(line)}") from None
    except configparser.Error:
        raise ImportFailure("is not valid INI") from None
    return {section: dict(parser[section]) for section in parser.sections()}
