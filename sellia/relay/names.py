"""The names that tunnels can have: DNS labels, with some kept back, and some that are easy to say.

A name becomes part of a host name, so it is a label as RFC 1123 has it, in lower case.  Three characters at least
leave the very short ones to whoever runs the domain.

An internationalised name comes as its A-label (``xn--...``).  It is taken if IDNA 2008 (RFC 5891) says that it is the
label of a word, in just this spelling: anything else would show in browsers as something other than it is.  All other
labels with hyphens in third and fourth place are reserved by RFC 5890.

Below a name there are more: ``api.myapp``, and the wildcard ``*.myapp`` for all that nobody has by itself.  They belong
to whoever has ``myapp`` (`sellia.relay.registry`), so only the last label is held to what the domain's operator keeps
back.
"""

from __future__ import annotations

import re
from random import Random
from typing import Final

from sellia.errors import ProblemError
from sellia.problems import NAME_INVALID, NAME_RESERVED

SHORTEST: Final = 3
LONGEST: Final = 63

#: Labels of a name, and its characters in all.
LABELS: Final = 5
LONGEST_IN_ALL: Final = 189

#: Ends of domain names that somebody may have written out as the name of a tunnel.
_TOP_LEVEL: Final = frozenset("biz com dev edu gov info net org xyz".split())

RESERVED: Final = frozenset(
    """
    about abuse access account accounts acme admin administrator api app apps assets auth autoconfig autodiscover
    billing broadcasthost cdn config console contact dashboard dns docs download email ftp gateway health help home
    hostmaster http https imap info internal isatap localdomain localhost login logout mail mail1 mail2 mailer
    mailer-daemon metrics mta-sts mx1 mx2 news nobody noc noreply no-reply ns1 ns2 ns3 ns4 oauth official owner
    payment ping pop pop3 postmaster privacy proxy register root secure security sellia server session sftp signin
    signup smtp ssl ssladmin sslwebmaster static stats status support sysadmin system terms tls tunnel tunnels
    usenet user users uucp vpn webdav webmail webmaster websocket wpad www www1 www2
    """.split()
)
"""Names that mail, certificates or people take for the domain's own (RFC 2142 and the CA/Browser Forum among them)."""

_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]+(?<!-)")


class NameInvalid(ProblemError, ValueError):
    """The text cannot be a name."""

    def __init__(self, detail: str) -> None:
        super().__init__(NAME_INVALID, detail)


class NameReserved(ProblemError, ValueError):
    """The name is kept back."""

    def __init__(self, name: str) -> None:
        super().__init__(NAME_RESERVED, f"The name {name!r} is reserved; choose another one.")


def validate_name(text: str) -> str:
    """The name that `text` asks for, in lower case.

    Raises `NameInvalid` or `NameReserved`, each with one line that says what is wrong with it.
    """
    if len(text) < SHORTEST:
        raise NameInvalid(f"A name has at least {SHORTEST} characters.")
    if len(text) > LONGEST:
        raise NameInvalid(f"A name has at most {LONGEST} characters.")
    if not text.isascii():
        raise NameInvalid("A name has only the letters a to z; write others as an A-label (xn--...).")
    name = text.lower()
    if _LABEL.fullmatch(name) is None:
        raise NameInvalid("A name has only letters, digits and hyphens, and no hyphen at either end.")
    if name[2:4] == "--" and not (name.startswith("xn--") and _is_a_label(name)):
        raise NameInvalid("A name has two hyphens in third and fourth place only if it is a valid A-label (xn--...).")
    if name in RESERVED:
        raise NameReserved(name)
    return name


def validate_subdomain(text: str) -> str:
    """The name that `text` asks for below the server's domain, in lower case: ``myapp``, ``api.myapp``, ``*.myapp``.

    Raises as `validate_name` does.
    """
    *below, own = text.split(".")
    if not below:
        return validate_name(text)
    if len(text) > LONGEST_IN_ALL or len(below) >= LABELS:
        raise NameInvalid(f"A name has at most {LABELS} parts, and {LONGEST_IN_ALL} characters in all.")
    if own == "*":
        raise NameInvalid("A wildcard stands for names below one of yours, as in *.myapp.")
    if own.lower() in _TOP_LEVEL:
        raise NameInvalid("A name is what stands in front of the server's domain, as in myapp or api.myapp.")
    checked = [_checked_label(each) for each in (below[1:] if below[0] == "*" else below)]
    return ".".join([*below[: below[0] == "*"], *checked, validate_name(own)])


def _checked_label(text: str) -> str:
    """Return one label below a name in lower case.  Raises `NameInvalid`."""
    label = text.lower()
    if not 1 <= len(text) <= LONGEST or not text.isascii() or _LABEL.fullmatch(label) is None:
        raise NameInvalid(
            "Each part of a name has 1 to 63 letters, digits and hyphens, and no hyphen at either end; "
            "only the first may be *."
        )
    if label[2:4] == "--" and not (label.startswith("xn--") and _is_a_label(label)):
        raise NameInvalid("A name has two hyphens in third and fourth place only if it is a valid A-label (xn--...).")
    return label


def _is_a_label(name: str) -> bool:
    import idna  # Its tables take a while to load, and few names need them.

    try:
        return idna.alabel(idna.ulabel(name)).decode("ascii") == name
    except (idna.IDNAError, UnicodeError):
        return False


_ADJECTIVES: Final = """
    amber ample apt azure bold brave breezy bright brisk calm cheery civil clear clever cosy crisp curious daring deft
    eager early easy fair fast fine fleet fond free fresh gentle glad golden good grand green happy hardy hazel jolly
    keen kind light lively loyal lucky mellow merry mild modest neat nimble noble open patient placid plucky polite
    proud quick quiet rapid ready rosy round shiny silver smooth snug solid spry steady sunny sure swift tidy trusty
    upbeat vivid warm wise witty young
""".split()

_NOUNS: Final = """
    acorn alder apple badger bamboo banjo basil beacon beaver birch bison brook canyon cedar cello cherry cloud clover
    comet coral crane creek daisy dolphin dune eagle elm ember falcon fern finch fjord forest fox garden gecko ginger
    glacier hamlet harbor hazelnut heron hill island ivy jasmine kettle kite koala lagoon lake lantern lemon lilac lotus
    lynx magpie mango maple marble marmot meadow melon mint moon moss nectar oak oasis olive orchid otter owl panda
    papaya pebble pepper piano pine planet plum pond poppy prairie quail quartz rabbit raven reef river robin sage
    salmon sparrow spruce star summit swan thistle tiger topaz trout tulip valley violet walnut willow wren zebra
""".split()


def suggest_name(random: Random) -> str:
    """A name that is easy to say over a telephone, as ``brisk-otter-42``: one of nearly a million."""
    return f"{random.choice(_ADJECTIVES)}-{random.choice(_NOUNS)}-{random.randrange(2, 100)}"
