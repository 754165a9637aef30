"""MQTT 3.1, 3.1.1 and 5 over WebSocket: the packets in a message."""

from typing import Any, Final

from sellia.inspector.decode.decoded import PARTS, About, Decoded, bytes_text, json_of, pretty, shortened, string

SUBPROTOCOLS: Final = frozenset({"mqtt", "mqttv3.1"})

TYPES: Final = (
    "",
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
)


class _Short(Exception):
    """A packet ends before what it says is in it."""


def decode(data: bytes, about: About) -> Decoded | None:
    """Return the packets of one message; what is not whole is said to go on in the next."""
    five = about.opened[:1] == b"\x10" and _version(about.opened) == 5
    found: list[dict[str, Any]] = []
    note, at = "", 0
    while at < len(data) and len(found) < PARTS:
        size, body = _length(data, at + 1)
        kind = data[at] >> 4
        if size < 0 or not kind:
            if not found:
                return None
            note = "What follows is no packet."
            break
        packet = data[body : body + size]
        if len(packet) < size:
            note = f"{TYPES[kind]} goes on in the next message."
        try:
            found.append(_packet(kind, data[at] & 0x0F, packet, five))
        except _Short:
            if len(packet) == size and not found:
                return None
            found.append({"packet": TYPES[kind], "bytes": size})
        at = body + size
    if not found:
        return None
    title = shortened(", ".join(_title(each) for each in found[:10]))
    value = found[0] if len(found) == 1 else found
    return Decoded(decoder="mqtt", title=title, value=value, text="\n".join(map(pretty, found)), note=note)


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return a variable byte integer and where it ends; -1 where there is none."""
    size = 0
    for shift, position in enumerate(range(at, min(at + 4, len(data)))):
        size |= (data[position] & 0x7F) << 7 * shift
        if data[position] < 0x80:
            return size, position + 1
    return -1, at


class _Fields:
    """Fields of a packet, read one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        piece = self.data[self.at : self.at + size]
        if len(piece) < size:
            raise _Short
        self.at += size
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def blob(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        return self.blob().decode("utf-8", "backslashreplace")

    def properties(self, five: bool) -> None:
        """Skip the properties of version 5."""
        if five:
            size, self.at = _length(self.data, self.at)
            if size < 0:
                raise _Short
            self.take(size)

    @property
    def left(self) -> bytes:
        return self.data[self.at :]


def _version(opened: bytes) -> int:
    size, at = _length(opened, 1)
    fields = _Fields(opened[at:])
    try:
        fields.blob()
        return fields.number(1)
    except _Short:
        return 0


def _packet(kind: int, flags: int, data: bytes, five: bool) -> dict[str, Any]:
    fields = _Fields(data)
    value: dict[str, Any] = {"packet": TYPES[kind]}
    if kind == 1:
        return value | _connect(fields)
    if kind == 2:
        value |= {"session_present": bool(fields.number(1) & 1), "code": fields.number(1)}
    elif kind == 3:
        value |= {"topic": fields.text(), "qos": flags >> 1 & 3, "retain": bool(flags & 1), "dup": bool(flags & 8)}
        if value["qos"]:
            value["id"] = fields.number(2)
        fields.properties(five)
        value["payload"] = _payload(fields.left)
    elif kind in (8, 10):
        value["id"] = fields.number(2)
        fields.properties(five)
        topics: list[Any] = []
        while fields.left and len(topics) < PARTS:
            topic = fields.text()
            topics.append({"topic": topic, "qos": fields.number(1) & 3} if kind == 8 else topic)
        value["topics"] = topics
    elif kind in (4, 5, 6, 7, 9, 11):
        value["id"] = fields.number(2)
        if kind in (9, 11) and fields.left:
            fields.properties(five)
            value["codes"] = list(fields.left[:PARTS])
    elif kind == 14 and data:
        value["code"] = fields.number(1)
    return value


def _connect(fields: _Fields) -> dict[str, Any]:
    value: dict[str, Any] = {"protocol": fields.text(), "version": fields.number(1)}
    five = value["version"] == 5
    flags = fields.number(1)
    value |= {"clean": bool(flags & 2), "keep_alive": fields.number(2)}
    fields.properties(five)
    value["client"] = fields.text()
    if flags & 4:
        fields.properties(five)
        value["will"] = {"topic": fields.text(), "payload": _payload(fields.blob())}
    if flags & 0x80:
        value["user"] = fields.text()
    if flags & 0x40:
        value["password"] = f"({bytes_text(len(fields.blob()))})"
    return value


def _payload(data: bytes) -> Any:
    inner = json_of(data)
    if inner is not None:
        return inner
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"bytes": len(data), "hex": data[:64].hex(" ")}


def _title(value: dict[str, Any]) -> str:
    what = value["packet"]
    if "topic" in value:
        return f"{what} {value['topic']} {string(value['payload'])}"
    if "topics" in value:
        names = [each["topic"] if isinstance(each, dict) else each for each in value["topics"][:5]]
        return f"{what} {', '.join(names)}"
    if "client" in value:
        return f"{what} {value['client']}"
    return f"{what} {value['code']}" if "code" in value else str(what)
