"""Certificates of a server's own TLS for domains of tunnels, chosen by the name that a visitor asks for (SNI).

Need
    The certificate of an ``ssl:`` endpoint has the server's own names.  A tunnel's domain is another one, whose
    certificate somebody else may renew, into a directory, for any number of domains.

Invariants
    * A name that no certificate here has is answered with the endpoint's own.
    * A certificate that can be used stays until its files hold another one that can; what cannot be used is one line in
      the log for each change, and refused at the start and by a reload.

Bounds
    ``MOST`` certificates, ``FILE_LIMIT`` bytes a file.  Choosing is two look-ups, once a handshake.

Designs not chosen
    *Reading files when a name is asked for first*: whoever connects could have the disk read, and a certificate that is
    damaged would be found out by visitors.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto
from twisted.internet.ssl import CertificateOptions
from twisted.logger import Logger

from sellia.protocol.limits import MIB
from sellia.server.listeners.reasons import CannotRenew, reason_of
from sellia.text import field
from sellia.transports.file_states import FileStates, file_states
from sellia.transports.tls import require_common_protocol

#: Certificates, and bytes of one file.
MOST: Final = 1000
FILE_LIMIT: Final = MIB

#: The files of a certificate and its key as ACME clients such as certbot name them, in a directory for each.
_CHAIN: Final = "fullchain.pem"
_CHAIN_KEY: Final = "privkey.pem"

_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"

_log = Logger()


@dataclass(frozen=True, slots=True)
class Pair:
    """The file of a certificate with its chain, and that of its key, which may be the same."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A certificate that can be used, and what its files were when they were read."""

    names: tuple[str, ...]
    context: SSL.Context
    state: FileStates


class Certificates:
    """The certificates that ``paths`` have: files, or directories of them."""

    def __init__(self, paths: Sequence[str] = ()) -> None:
        self._paths = tuple(paths)
        self._loaded: dict[Pair, _Loaded] = {}
        self._by_name: dict[str, SSL.Context] = {}
        #: What was told last of files that cannot be used, so that it is told once.
        self._told: dict[str, FileStates] = {}

    def __bool__(self) -> bool:
        return bool(self._paths)

    def prepare(self, paths: Sequence[str]) -> Callable[[], list[str]]:
        """Read what ``paths`` have; return a function that uses it from then on, and returns the files that are new.

        What has not changed is not read again: a server that has given up root may not read it any more.  Raises
        CannotRenew, and then nothing has changed.
        """
        found: dict[Pair, _Loaded] = {}
        fresh: list[str] = []
        for pair in _pairs(paths):
            known = self._loaded.get(pair)
            if known is None or known.state != _state(pair):
                known = _load(pair)
                fresh.append(pair.certificate)
            found[pair] = known

        def commit() -> list[str]:
            self._paths = tuple(paths)
            self._use(found)
            return fresh

        return commit

    def check(self) -> None:
        """Read what has changed, and say so.  What cannot be used leaves what there is."""
        try:
            pairs = _pairs(self._paths)
        except CannotRenew as error:
            self._complain(",".join(self._paths), (), error)
            return
        found: dict[Pair, _Loaded] = {}
        for pair in pairs:
            known = self._loaded.get(pair)
            state = _state(pair)
            if known is None or known.state != state:
                try:
                    known = _load(pair)
                except CannotRenew as error:
                    self._complain(pair.certificate, state, error)
                else:
                    _log.info("certificate renewed: files={files}", files=field(pair.certificate))
            if known is not None:
                found[pair] = known
        if found != self._loaded:
            self._use(found)

    def choose_in(self, context: SSL.Context) -> None:
        """Have handshakes that begin with ``context`` go on with the certificate of the name that is asked for."""
        context.set_tlsext_servername_callback(self._choose)

    def find(self, name: str) -> SSL.Context | None:
        """Return the context of a name; None where the endpoint's own certificate is to be shown."""
        name = name.lower().removesuffix(".")
        return self._by_name.get(name) or self._by_name.get("*." + name.partition(".")[2])

    # --- inside ----------------------------------------------------------------------------------------------

    def _choose(self, connection: SSL.Connection) -> None:
        asked = connection.get_servername() if self._by_name else None
        context = self.find(asked.decode("latin-1")) if asked else None
        if context is not None:
            connection.set_context(context)

    def _use(self, found: dict[Pair, _Loaded]) -> None:
        self._loaded = found
        self._by_name = {}
        for loaded in found.values():
            for name in loaded.names:
                self._by_name.setdefault(name, loaded.context)

    def _complain(self, files: str, state: FileStates, error: CannotRenew) -> None:
        if self._told.get(files) == state and state:
            return
        if len(self._told) > MOST:
            self._told.clear()
        self._told[files] = state
        _log.warn(
            "certificate not renewed: files={files} reason={reason}", files=field(files), reason=field(str(error))
        )


def _pairs(paths: Iterable[str]) -> list[Pair]:
    """Return the certificates that there are, each once.  Raises CannotRenew."""
    found: dict[Pair, None] = {}
    for path in paths:
        for each in _in_directory(path) if os.path.isdir(path) else (path,):
            found[Pair(each, _key_of(each))] = None
            if len(found) > MOST:
                raise CannotRenew(f"there are more than {MOST} certificates in {path}")
    return list(found)


def _in_directory(path: str) -> list[str]:
    """Return the files with certificates in a directory, or in those below it that are one certificate's each."""
    if os.path.isfile(os.path.join(path, _CHAIN)):
        return [os.path.join(path, _CHAIN)]
    found = []
    try:
        for name in sorted(os.listdir(path)):
            file = os.path.join(path, name)
            if os.path.isdir(file):
                chain = os.path.join(file, _CHAIN)
                if os.path.isfile(chain):
                    found.append(chain)
            elif name.endswith((".pem", ".crt")) and not name.startswith(".") and _CERTIFICATE in _read(file):
                found.append(file)
    except OSError as error:
        raise CannotRenew(reason_of(error)) from None
    return found


def _key_of(file: str) -> str:
    """Return the file of a certificate's key: beside it, or itself."""
    folder, name = os.path.split(file)
    stem = os.path.splitext(name)[0]
    beside = [_CHAIN_KEY] if name == _CHAIN else [f"{stem}.key", f"{stem}-key.pem"]
    keys = (os.path.join(folder, each) for each in beside)
    return next((key for key in keys if os.path.exists(key)), file)


def _state(pair: Pair) -> FileStates:
    return file_states((pair.certificate, pair.key))


def _read(file: str) -> bytes:
    with open(file, "rb") as opened:
        data = opened.read(FILE_LIMIT + 1)
    if len(data) > FILE_LIMIT:
        raise CannotRenew(f"{file} has more than {FILE_LIMIT} bytes")
    return data


def _load(pair: Pair) -> _Loaded:
    """Read a certificate and its key.  Raises CannotRenew, which names the file."""
    state = _state(pair)
    try:
        chain = x509.load_pem_x509_certificates(_read(pair.certificate))
        data = _read(pair.key)
        if b"PRIVATE KEY-----" not in data:
            raise CannotRenew("there is no key, neither in it nor beside it")
        key = crypto.PKey.from_cryptography_key(load_pem_private_key(data, None))  # type: ignore[arg-type]
        first, *others = map(crypto.X509.from_cryptography, chain)
        options: Any = CertificateOptions(privateKey=key, certificate=first, extraCertChain=others)
        require_common_protocol(options)
        return _Loaded(_names(chain[0]), options.getContext(), state)
    except CannotRenew as error:
        raise CannotRenew(f"{pair.certificate}: {error}") from None
    except OSError as error:
        raise CannotRenew(reason_of(error)) from None
    except Exception as error:  # OpenSSL and the readers of PEM raise what they like
        raise CannotRenew(f"{pair.certificate}: {reason_of(error)}") from None


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the host names of a certificate, in lower case."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(each.value).lower() for each in common)
    return tuple(name.lower() for name in extension.value.get_values_for_type(x509.DNSName))
