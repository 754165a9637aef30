"""Fields of every answer to a browser, of the inspector and of the admin API: what a page may load, and who sees it.

One table for both, so that neither page is looser than the other.
"""

from typing import Final

#: Content security policy: its own files and its own API, no script or style in the markup, no frames.
POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

#: Fields of every answer: nothing is stored, framed, guessed at or read by pages of other sites.
FIELDS: Final = (
    (b"Cache-Control", b"no-store"),
    (b"Content-Security-Policy", POLICY),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"X-Frame-Options", b"DENY"),
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
    (b"Referrer-Policy", b"no-referrer"),
)
