"""What a hostile visitor sends: texts that mean something to whoever shows, quotes or runs them."""

from random import Random

#: Texts without control characters.
LINES = (
    "plain",
    "",
    "it's",
    'say "hi"',
    'a\\"b\\\\',
    "trailing\\",
    "$(touch /tmp/sellia-pwned) `touch /tmp/sellia-pwned` $HOME ${HOME}",
    "; touch /tmp/sellia-pwned #",
    "& calc.exe | more > out.txt < in.txt ^ %PATH% %^PATH% !PATH! (a) , ; =",
    "@/etc/passwd",
    "-o/tmp/sellia-pwned",
    "--next",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "</script><!-- --> ]]> {{7*7}} ${7*7}",
    "Zoë 日本 🚀",
    "'@",
    "END",
    "{[?*]}~",
)

#: Texts with them: line breaks, escape sequences, marks that turn the direction round.
TEXTS = (
    *LINES,
    "line\nbreak\r\nand\ttab",
    "'@\nRemove-Item C:\\\n@'",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe\u202c \u200b\ufeff",
    "END\ntouch /tmp/sellia-pwned\n",
)

#: Bytes that are no text.
BLOBS = (
    bytes(range(256)),
    b"\0",
    b"caf\xe9 \xff\xfe",
    Random(1).randbytes(5000),
    b"a" * 40_000 + b"\0",
)
