"""Snippets: an exchange's request as a line for a shell, or a few lines of a program, that send it again.

Need
    Whatever a visitor sent, pasting it runs nothing but the one program, which sends the same bytes.

Bounds
    A body that is binary, or longer than ``INLINE`` bytes, travels as base64 on standard input or in a file, because
    arguments have a limit of their own (128 KiB on Linux, 8,191 characters in all in cmd.exe).
"""

import json
from base64 import b64encode
from collections.abc import Callable
from textwrap import wrap
from typing import Final, Literal

from sellia.inspector.exchange import Exchange
from sellia.inspector.outgoing import Outgoing, outgoing, text_headers
from sellia.inspector.quoting import bash, cmd, config

Form = Literal["curl-bash", "curl-powershell", "curl-cmd", "fetch", "httpie", "python", "wscat", "websocat"]

#: Bytes of a body that may be an argument, by shell.
INLINE: Final = 32 * 1024
INLINE_CMD: Final = 2000

_LINE: Final = 76
_LOCATION: Final = "%TEMP%\\sellia-body"


def forms(exchange: Exchange) -> list[Form]:
    """Return the snippets that an exchange has."""
    if exchange.kind == "websocket":
        return ["wscat", "websocat", "python"]
    if exchange.kind in ("http", "upgrade"):
        return ["curl-bash", "curl-powershell", "curl-cmd", "fetch", "httpie", "python"]
    return []


def snippet(exchange: Exchange, form: Form, base: str = "", redact: bool = True) -> str:
    """Return a snippet.  ``base`` is where it sends to; ``redact`` takes credentials out.

    Raises ValueError for an exchange that has none of this form.
    """
    if form not in forms(exchange):
        raise ValueError(f"an exchange of the kind {exchange.kind} cannot be a snippet for {form}")
    asked = outgoing(exchange, base, redact)
    text = (_SOCKETS if asked.websocket else _REQUESTS)[form](asked)
    if asked.missing:
        mark = "//" if form == "fetch" else "REM" if form == "curl-cmd" else "#"
        text = f"{mark} {asked.missing:,} bytes of the body were not kept, and are missing here.\n{text}"
    return text


# --- requests ------------------------------------------------------------------------------------------------


def _curl_bash(asked: Outgoing) -> str:
    parts = ["curl", "--path-as-is", "--globoff", *_method(asked)]
    for name, value in asked.headers:
        parts.append("-H " + bash(name + b": " + value if value else name + b";"))
    before = ""
    if asked.body:
        text = None if b"\0" in asked.body or len(asked.body) > INLINE else asked.body
        if text is None:
            before = _base64_bash(asked.body)
            parts.append("--data-binary @-")
        else:
            parts.append(f"--data-raw {bash(text)}")
        if not asked.has_type:
            parts.append("-H Content-Type:")
    elif asked.method in ("POST", "PUT", "PATCH"):
        parts.append("--data-raw ''" + ("" if asked.has_type else " -H Content-Type:"))
    if asked.compressed:
        parts.append("--compressed")
    parts.append(bash(asked.url))
    return before + _joined(parts, " \\\n  ")


def _method(asked: Outgoing) -> list[str]:
    if asked.method == "HEAD":
        return ["--head"]
    plain = "POST" if asked.body else "GET"
    return [] if asked.method == plain else [f"-X {bash(asked.method)}"]


def _base64_bash(data: bytes) -> str:
    encoded = b64encode(data).decode()
    if len(encoded) <= 4096:
        return f"echo {encoded} | base64 -d | "
    lines = "\n".join(wrap(encoded, _LINE))
    return f"base64 -d <<'END' |\n{lines}\nEND\n"


def _curl_powershell(asked: Outgoing) -> str:
    lines = [config("url", asked.url), config("request", asked.method), "path-as-is", "globoff"]
    if asked.method == "HEAD":
        lines[1] = "head"
    for name, value in text_headers(asked.headers):
        lines.append(config("header", f"{name}: {value}" if value else f"{name};"))
    if asked.compressed:
        lines.append("compressed")
    body = ""
    if asked.body:
        if not asked.has_type:
            lines.append(config("header", "Content-Type:"))
        text = _text(asked.body) if len(asked.body) <= INLINE else None
        try:
            lines.append(config("data-raw", text if text is not None else "\0"))
        except ValueError:
            encoded = b64encode(asked.body).decode()
            body = f"[IO.File]::WriteAllBytes(\"$file.body\", [Convert]::FromBase64String('{encoded}'))\n"
    file = ' --data-binary "@$file.body"' if body else ""
    gone = ', "$file.body"' if body else ""
    told = "\n".join(lines)
    return (
        "$file = [IO.Path]::GetTempFileName()\n"
        f"{body}[IO.File]::WriteAllText($file, @'\n{told}\n'@)\n"
        f"curl.exe --config $file{file}\nRemove-Item $file{gone}"
    )


def _curl_cmd(asked: Outgoing) -> str:
    parts = ["curl.exe", "--path-as-is", "--globoff"]
    parts.append("--head" if asked.method == "HEAD" else f"-X {cmd(asked.method)}")
    for name, value in text_headers(asked.headers):
        parts.append("-H " + cmd(f"{name}: {value}" if value else f"{name};"))
    before = ""
    if asked.body:
        text = _text(asked.body) if len(asked.body) <= INLINE_CMD else None
        try:
            parts.append(f"--data-raw {cmd(text if text is not None else chr(0))}")
        except ValueError:
            lines = "\n".join(f"echo {line}" for line in wrap(b64encode(asked.body).decode(), _LINE))
            before = (
                f'(\n{lines}\n)> "{_LOCATION}.b64"\n'
                f'certutil -f -decode "{_LOCATION}.b64" "{_LOCATION}" >nul && del "{_LOCATION}.b64"\n'
            )
            parts.append(f'--data-binary "@{_LOCATION}"')
        if not asked.has_type:
            parts.append("-H Content-Type:")
    if asked.compressed:
        parts.append("--compressed")
    parts.append(cmd(asked.url))
    return before + " ".join(parts)


def _fetch(asked: Outgoing) -> str:
    lines = [f"  method: {json.dumps(asked.method)},"]
    if asked.headers:
        pairs = ",\n".join(f"    [{json.dumps(n)}, {json.dumps(v)}]" for n, v in text_headers(asked.headers))
        lines.append(f"  headers: [\n{pairs},\n  ],")
    if asked.body:
        lines.append(f"  body: {js_bytes(asked.body)},")
    lines.append('  redirect: "manual",')
    told = "\n".join(lines)
    return (
        f"const response = await fetch({json.dumps(asked.url)}, {{\n{told}\n}});\n"
        "console.log(response.status, await response.text());"
    )


def js_bytes(data: bytes) -> str:
    """Return bytes as an expression of JavaScript: a string where they are text."""
    text = _text(data)
    if text is not None:
        return json.dumps(text)
    return f'Uint8Array.from(atob("{b64encode(data).decode()}"), (each) => each.charCodeAt(0))'


def _httpie(asked: Outgoing) -> str:
    parts = ["http"]
    before = ""
    inline = asked.body and _text(asked.body) is not None and len(asked.body) <= INLINE and b"\0" not in asked.body
    if inline:
        parts.append(f"--ignore-stdin --raw {bash(asked.body)}")
    elif asked.body:
        before = _base64_bash(asked.body)
    else:
        parts.append("--ignore-stdin")
    parts += [bash(asked.method), bash(asked.url)]
    for name, value in asked.headers:
        guarded = b"\\" + value if value[:1] in (b"=", b"@") else value  # ":=" and ":@" are something else
        parts.append(bash(name + b":" + guarded if value else name + b";"))
    return before + _joined(parts, " \\\n  ")


def _python(asked: Outgoing) -> str:
    lines = [f"    {asked.method!r},", f"    {asked.url!r},"]
    if asked.headers:
        pairs = "".join(f"        ({name!r}, {value!r}),\n" for name, value in asked.headers)
        lines.append(f"    headers=[\n{pairs}    ],")
    imports = ""
    if asked.body:
        lines.append(f"    content={py_bytes(asked.body)},")
        imports = "from base64 import b64decode\n\n" if "b64decode" in lines[-1] else ""
    told = "\n".join(lines)
    return f"{imports}import httpx\n\nresponse = httpx.request(\n{told}\n)\nprint(response.status_code, response.text)"


def py_bytes(data: bytes) -> str:
    """Return bytes as an expression of Python; in base64 where they are long and no text."""
    if len(data) > 200 and _text(data) is None:
        return f'b64decode("{b64encode(data).decode()}")'
    return repr(data)


# --- WebSockets ------------------------------------------------------------------------------------------------


def _wscat(asked: Outgoing) -> str:
    parts = [f"wscat -c {bash(asked.url)}"]
    parts += [f"-s {bash(each)}" for each in asked.subprotocols]
    parts += [f"-H {bash(name + b': ' + value)}" for name, value in asked.headers if name.lower() != b"user-agent"]
    return _joined(parts, " \\\n  ")


def _websocat(asked: Outgoing) -> str:
    parts = ["websocat"]
    if asked.subprotocols:
        parts.append(f"--protocol {bash(', '.join(asked.subprotocols))}")
    parts += [f"-H={bash(name + b': ' + value)}" for name, value in asked.headers if name.lower() != b"user-agent"]
    parts.append(bash(asked.url))
    return _joined(parts, " \\\n  ")


def _python_socket(asked: Outgoing) -> str:
    pairs = "".join(f"    ({name!r}, {value!r}),\n" for name, value in text_headers(asked.headers))
    headers = f"headers = [\n{pairs}]\n" if pairs else "headers = []\n"
    chosen = f", subprotocols={asked.subprotocols!r}" if asked.subprotocols else ""
    return (
        f"from websockets.sync.client import connect\n\n{headers}"
        f"with connect({asked.url!r}, additional_headers=headers{chosen}) as websocket:\n"
        "    for message in websocket:\n        print(message)"
    )


# --- inside ----------------------------------------------------------------------------------------------------


def _text(data: bytes) -> str | None:
    """Return bytes as text, if that is UTF-8 without characters that editors and shells lose."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if any((each < 32 and each not in (9, 10, 13)) or each == 127 for each in data) else text


def _joined(parts: list[str], separator: str) -> str:
    line = " ".join(parts)
    return line if len(line) <= 100 and "\n" not in line else separator.join(parts)


_REQUESTS: Final[dict[Form, Callable[[Outgoing], str]]] = {
    "curl-bash": _curl_bash,
    "curl-powershell": _curl_powershell,
    "curl-cmd": _curl_cmd,
    "fetch": _fetch,
    "httpie": _httpie,
    "python": _python,
}
_SOCKETS: Final[dict[Form, Callable[[Outgoing], str]]] = {
    "wscat": _wscat,
    "websocat": _websocat,
    "python": _python_socket,
}
