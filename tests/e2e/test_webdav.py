"""WebDAV by Apache's mod_dav, behind a proxy that does TLS: the service is asked by http for what is https outside."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from tests.e2e import fronts
from tests.e2e.case import EndToEndTests
from tests.e2e.stage import curl, program
from tests.processes import Process, free_port

_MODULES = "mpm_event authz_core dav dav_fs".split()


@cache
def dav() -> tuple[int, Path]:
    """The port of an Apache that serves a directory by WebDAV, and that directory."""
    home = Path(tempfile.mkdtemp(dir=fronts.workplace()))
    files = home / "files"
    files.mkdir()
    for each in (fronts.workplace(), home, files):
        each.chmod(0o777)  # Apache's user is another one where this is root
    port = free_port()
    modules = "".join(f"LoadModule {each}_module /usr/lib/apache2/modules/mod_{each}.so\n" for each in _MODULES)
    (home / "apache2.conf").write_text(
        f"ServerRoot {home}\nServerName localhost\nPidFile {home}/apache.pid\nErrorLog /dev/stderr\n{modules}"
        f"User www-data\nGroup www-data\nDefaultRuntimeDir {home}\nListen 127.0.0.1:{port}\n"
        f"DavLockDB {home}/locks\nDocumentRoot {files}\n"
        f"<Directory {files}>\nDav On\nRequire all granted\n</Directory>\n"
    )
    process = Process([program("apache2"), "-f", str(home / "apache2.conf"), "-DFOREGROUND"], name="mod_dav")
    process.wait_for_port(port)
    return port, files


class WebDavTests(EndToEndTests):
    def ask(self, method: str, path: str, *options: str, stdin: bytes = b"") -> str:
        """The status of the answer."""
        place = fronts.place(fronts.start_nginx, dav()[0], "dav")
        cert, _ = fronts.certificate()
        common = ["--cacert", str(cert), "-o", "/dev/null", "-w", "%{http_code}", "-X", method]
        return curl(place, path, *common, *options, stdin=stdin, scheme="https").output.decode()

    def destination(self, path: str) -> list[str]:
        place = fronts.place(fronts.start_nginx, dav()[0], "dav")
        return ["-H", f"Destination: {place.url(path, 'https')}"]

    def test_copy_and_move(self) -> None:
        files = dav()[1]
        self.assertEqual(self.ask("PUT", "/a.txt", "--data-binary", "@-", stdin=b"hello"), "201")
        self.assertEqual(self.ask("COPY", "/a.txt", *self.destination("/b%20c.txt")), "201")
        self.assertEqual(self.ask("MOVE", "/a.txt", *self.destination("/d.txt")), "201")
        self.assertEqual(sorted(each.name for each in files.glob("[a-d]*")), ["b c.txt", "d.txt"])

    def test_a_destination_at_another_server(self) -> None:
        """That is still the service's to refuse."""
        self.ask("PUT", "/e.txt", "--data-binary", "@-", stdin=b"hello")
        self.assertEqual(self.ask("COPY", "/e.txt", "-H", "Destination: https://other.example/e.txt"), "502")
