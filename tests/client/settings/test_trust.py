"""A project's settings file, as somebody wrote it who means no good."""

import json
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sellia.client.settings import ClientSettings, TunnelDefaults, TunnelSettings, UnknownServer
from sellia.client.settings.old import OLD
from sellia.client.settings.trust import SETTINGS, TUNNEL_SETTINGS
from sellia.errors import SettingsError
from tests.client.settings.cases import LayersCase, Stored

MINE = "server: https://mine.example\napi_key: SECRET\n"


class ProjectCase(LayersCase):
    known: Stored | None = None

    def refused(self, project: str, *flags: str) -> str:
        """Return the line of the only fault that a project's file has."""
        self.give(project=project)
        return self.fault({"target": "1"} if "target" in flags else None, self.known)

    def taken(self, project: str) -> ClientSettings:
        self.give(project=project)
        return self.load(None, self.known)


class ServerTests(ProjectCase):
    """It cannot send traffic or keys to a server of its choice."""

    EVIL = "server: https://evil.example\ntunnels: {web: {target: 1}}\n"

    def test_a_server_that_nobody_knows(self) -> None:
        for home in (None, MINE, "api_key: SECRET\n"):
            if home is not None:
                self.give(home=home)
            line = self.refused(self.EVIL)
            self.assertIn("/project/sellia.yaml:1:9: server: this project wants its tunnels to go through", line)
        error = self.assertRaises(UnknownServer, self.load, None, None, SELLIA_API_KEY="SECRET")
        self.assertEqual(error.server, "https://evil.example")
        self.assertIn("sellia auth login --server https://evil.example", error.hint)
        self.assertNotIn("SECRET", str(error))

    def test_nor_for_a_tunnel_of_the_users(self) -> None:
        self.give(home=MINE)
        self.assertIn("for which no key is stored", self.refused(self.EVIL, "target"))

    def test_one_that_the_user_has_logged_in_to(self) -> None:
        """Only the key that is stored for it goes there, whatever else is around."""
        self.give(home=MINE, project=self.EVIL)
        settings = self.load(None, Stored(evil="theirs"), SELLIA_API_KEY="SECRET")
        self.assertEqual((settings.server, settings.api_key.get_secret_value()), ("https://evil.example", "theirs"))
        self.assertIn("SELLIA_API_KEY: this key is not sent to https://evil.example, which only", settings.cautions[0])

    def test_one_that_the_users_file_names(self) -> None:
        self.give(home=MINE + "profiles: {other: {server: 'https://other.example', api_key: ko}}\n")
        settings = self.taken("server: https://MINE.example/\ntunnels: {web: {target: 1}}\n")
        self.assertEqual(settings.api_key.get_secret_value(), "SECRET")
        settings = self.taken("server: https://other.example\ntunnels: {web: {target: 1}}\n")
        self.assertIsNone(settings.api_key)

    def test_one_that_both_name(self) -> None:
        """Then it is the user's, and so is the key of a variable."""
        self.give(home="server: https://mine.example\n", project=self.EVIL.replace("evil", "mine"))
        self.assertEqual(self.load(None, SELLIA_API_KEY="kv").api_key.get_secret_value(), "kv")

    def test_one_that_the_user_types(self) -> None:
        self.give(home=MINE, project=self.EVIL)
        settings = self.load({"server": "https://evil.example", "api_key": "typed"})
        self.assertEqual(settings.api_key.get_secret_value(), "typed")
        self.assertEqual(self.load(None, SELLIA_SERVER="https://b.example").server, "https://b.example")

    def test_its_spelling_is_no_way_around(self) -> None:
        self.known = Stored(mine="km")
        for server in (
            "https://mine.example.evil.example",
            "https://mine.example@evil.example",
            "http://mine.example",
            "https://mine.example:8443",
            "https://mine.example%2eevil.example",
            "https://evil.example/mine.example",
            "https://evil.example#mine.example",
            "https://xn--mne-kma.example",
        ):
            self.give(project=f"server: '{server}'\ntunnels: {{web: {{target: 1}}}}\n")
            self.assertRaises(SettingsError, self.load, None, self.known)

    def test_a_profile_of_its_own(self) -> None:
        evil = "profile: evil\nprofiles: {evil: {server: 'https://evil.example'}}\ntunnels: {web: {target: 1}}\n"
        self.give(home=MINE)
        self.assertIn("profiles.evil.server: this project wants", self.refused(evil))
        self.give(home=MINE + "profile: evil\n")
        self.assertIn("profiles.evil.server: this project wants", self.refused(evil.replace("profile: evil\n", "")))

    def test_a_profile_in_the_place_of_the_users(self) -> None:
        self.give(home=MINE + "profiles: {work: {server: 'https://work.example', api_key: SECRET}}\n")
        self.known = Stored(evil="ke")
        line = self.refused("profiles: {work: {server: 'https://evil.example'}}\ntunnels: {web: {target: 1}}\n")
        self.assertIn("the profile work is in", line)

    def test_the_users_profile_chosen_by_a_project(self) -> None:
        self.give(home=MINE + "profiles: {work: {server: 'https://work.example', api_key: kw}}\n")
        settings = self.taken("profile: work\ntunnels: {web: {target: 1}}\n")
        self.assertEqual((settings.server, settings.api_key.get_secret_value()), ("https://work.example", "kw"))


class SettingsTests(ProjectCase):
    def setUp(self) -> None:
        super().setUp()
        self.give(home=MINE)

    def test_what_it_may_not_say(self) -> None:
        """No key, no way for the traffic, no authority, no file to write to."""
        for name, setting in (
            *(("api_key", "api_key: k"), ("proxy", "proxy: http://evil.example:3128"), ("ca", "ca: evil.pem")),
            *(("log.file", "log: {file: ./x}"), ("log.file", "log: {file: ../home/.profile, level: debug}")),
        ):
            line = self.refused(f"{setting}\ntunnels: {{web: {{target: 1}}}}\n")
            self.assertRegex(line, rf"{name}: the settings file of a project may not say this$")

    def test_nor_in_a_profile(self) -> None:
        for setting in ("api_key: k", "proxy: http://evil.example:3128", "ca: evil.pem"):
            profile = f"profiles: {{p: {{server: 'https://x', {setting}}}}}\n"
            self.give(project=profile + "tunnels: {web: {target: 1}}\n")
            self.assertIn("may not say this", "".join(self.faults()))

    def test_every_setting_has_been_decided(self) -> None:
        """One that is new is refused until it stands here or in the list of what is allowed."""
        refused = {"api_key", "ca", "proxy", "log_file"}
        # Who sees what passes, and where it is written, is for the user to say.
        refused |= {"inspector", "inspector_password", "inspector_hosts", "inspector_dev", "record", "record_limit"}
        self.assertEqual(ClientSettings.model_fields.keys() - SETTINGS, refused)
        self.assertEqual(SETTINGS - ClientSettings.model_fields.keys(), set())
        tunnel = TunnelSettings.model_fields.keys() | TunnelDefaults.model_fields.keys()
        self.assertEqual(tunnel - TUNNEL_SETTINGS, {*OLD, "name", "pool"})
        self.assertEqual(TUNNEL_SETTINGS - tunnel, set())

    def test_old_spelling_is_not_accepted(self) -> None:
        self.assertIn("stands in a tunnel, or below defaults", self.refused("subdomain: abc\n", "target"))
        self.assertIn("is called target now", self.refused("tunnels: {web: {port: 1}}\n"))

    def test_what_is_unknown_is_told_as_such(self) -> None:
        self.assertIn("traget is not a setting", self.refused("tunnels: {web: {target: 1, traget: 2}}\n"))

    def test_nothing_is_expanded(self) -> None:
        settings = self.taken("tunnels: {web: {target: '1', auth: 'u:${SELLIA_API_KEY}$HOME'}}\n")
        self.assertEqual(settings.tunnels[0].auth.get_secret_value(), "u:${SELLIA_API_KEY}$HOME")


class TargetTests(ProjectCase):
    """It publishes this machine's services and the project's files, and nothing else."""

    def setUp(self) -> None:
        super().setUp()
        self.give(home=MINE)
        self.project = os.path.join(self.directory, "project")
        os.makedirs(os.path.join(self.project, "public"))
        os.makedirs(os.path.join(self.project, ".git"))

    def publish(self, target: str) -> str:
        """Return why a target is refused, in a tunnel of one and as a path."""
        first = self.refused(f"tunnels: {{web: {{target: '{target}'}}}}\n")
        second = self.refused(f"tunnels: {{web: {{paths: {{/: 1, /a: {{target: '{target}'}}}}}}}}\n")
        third = self.refused(f"tunnels: {{web: {{paths: {{/: '{target}'}}}}}}\n")
        said = {each.partition("may not publish ")[2] for each in (first, second, third)}
        self.assertEqual(len(said), 1, said)
        return said.pop()

    def test_what_is_taken(self) -> None:
        for target in (
            *("8080", "localhost:1", "127.0.0.1:80", "'[::1]:80'", "https://app.localhost:8443", "text:hello"),
            *("./public", "./", ".", "./public/../public", "unix:app.sock", "unix:./public/app.sock"),
            self.project + "/public",
        ):
            self.assertEqual(len(self.taken(f"tunnels: {{web: {{target: {target}}}}}\n").tunnels), 1)

    def test_other_machines(self) -> None:
        for target in (
            *("192.168.1.1:80", "http://169.254.169.254", "https://intranet.example", "https+insecure://nas:443"),
            *("0.0.0.0:22", "[::]:22", "localhost.evil.example:80", "2130706433:80", "0x7f000001:80", "127.1.evil:1"),
            "[::ffff:10.0.0.1]:80",
        ):
            self.assertIn("which is not this machine", self.publish(target), target)

    def test_files_outside(self) -> None:
        os.symlink(self.directory + "/home", self.project + "/public/link")
        os.symlink("/", self.project + "/root")
        for target in (
            *("..", "../", "../home", "~", "~/.ssh", "/etc/passwd", "file:///etc", "./public/../../home"),
            *("./public/link", "./root/etc", self.project + "-other", "unix:/var/run/docker.sock", "unix:../x.sock"),
            *("unix:~/x.sock", "unix:./root/run/docker.sock"),
        ):
            self.assertIn("which is outside the project", self.publish(target), target)

    def test_hidden_files(self) -> None:
        os.symlink(".git", self.project + "/docs")
        for target in ("./.git", "./.env", "./public/../.git/config", "./docs", "unix:.hidden/sock"):
            self.assertIn("which is hidden", self.publish(target), target)

    def test_authorities_outside(self) -> None:
        for path in ("/etc/ssl/certs/ca-certificates.crt", "../home/sellia.yaml"):
            self.give(project=f"tunnels: {{web: {{target: 'https://localhost', local_ca: '{path}'}}}}\n")
            self.assertIn("may not name a file which is outside the project", self.faults()[0])
            self.give(project=f"defaults: {{local_ca: '{path}'}}\ntunnels: {{web: {{target: 1}}}}\n")
            self.assertIn("may not name a file which is outside the project", self.faults()[0])

    def test_what_is_refused_is_not_opened(self) -> None:
        """A named pipe, or a device, would make us wait for whoever writes to it."""
        os.mkfifo(os.path.join(self.directory, "pipe"))
        for project in (
            "tunnels: {web: {target: 'https://localhost', local_ca: ../pipe}}\n",
            "tunnels: {web: {kind: tls, target: 1, cert: ../pipe, key: ../pipe}}\n",
            "defaults: {local_ca: ../pipe}\ntunnels: {web: {target: 1}}\n",
            "ca: ../pipe\ntunnels: {web: {target: 1}}\n",
            "tunnels: {web: {target: 1, auth_file: ../pipe}}\n",
            "defaults: {auth_file: ../pipe}\ntunnels: {web: {target: 1}}\n",
            "profiles: {p: {server: 'https://x', ca: ../pipe}}\ntunnels: {web: {target: 1}}\n",
        ):
            self.give(project=project)
            self.assertTrue(self.faults(), project)

    def test_the_users_defaults_are_the_users(self) -> None:
        path = os.path.join(self.directory, "home", "ca.pem")
        with open(path, "wb"):
            pass
        self.give(home=MINE + "defaults: {local_ca: ca.pem}\n")
        self.give(project="tunnels: {web: {target: 1}}\n")
        self.assertEqual([line for line in self.faults() if "project" in line.partition(": ")[2]], [])

    def test_a_file_that_the_user_names_may_say_all(self) -> None:
        self.give(project="server: https://evil.example\napi_key: k\ntunnels: {web: {target: '192.168.1.1:80'}}\n")
        from sellia.client.settings import load

        settings = load({}, {}, os.path.join(self.project, "sellia.yaml"))
        self.assertEqual(settings.api_key.get_secret_value(), "k")


#: Values that a stranger may put anywhere in a file; this machine's own are among them, so that some files are taken.
_SERVERS = ("https://evil.example", "https://mine.example", "https://MINE.example/", "wss://evil.example/ws", "x")
_TARGETS: tuple[int | str, ...] = (
    *(1, "8080", "localhost:1", "text:x", "./public", ".", "/", "..", "~", "unix:/run/docker.sock", "unix:a.sock"),
    *("./.git", "./link", "./link/etc", "10.0.0.1:1", "https://evil.example", "http://127.0.0.1:2", "[::1]:3"),
)
_ROUTES = st.one_of(st.sampled_from(_TARGETS), st.fixed_dictionaries({"target": st.sampled_from(_TARGETS)}))
_TUNNEL = st.fixed_dictionaries(
    {},
    optional={
        "target": st.sampled_from(_TARGETS),
        "paths": st.dictionaries(st.sampled_from(("/", "/a", "/a/b")), _ROUTES),
        "port": st.just(1),
        "local_host": st.just("evil.example"),
        "local_ca": st.sampled_from(("/etc/passwd", "ca.pem")),
        "name": st.just("x"),
        "auth": st.just("a:b"),
    },
)
_PROFILE = st.fixed_dictionaries({"server": st.sampled_from(_SERVERS)}, optional={"api_key": st.just("theirs")})
_PROJECT = st.fixed_dictionaries(
    {"tunnels": st.dictionaries(st.sampled_from(("web", "api", "mine")), _TUNNEL, min_size=1, max_size=2)},
    optional={
        "server": st.sampled_from(_SERVERS),
        "profile": st.sampled_from(("evil", "work")),
        "profiles": st.dictionaries(st.sampled_from(("evil", "work")), _PROFILE),
        "api_key": st.just("theirs"),
        "proxy": st.just("http://evil.example:1"),
        "defaults": st.fixed_dictionaries({}, optional={"auth": st.just("a:b"), "forwarded": st.just(False)}),
        "target": st.sampled_from(_TARGETS),
    },
)


class AnyFileTests(ProjectCase):
    """Whatever a project's file says, what is taken of it keeps to the rules."""

    def test_invariants(self) -> None:
        project = os.path.join(self.directory, "project")
        os.makedirs(os.path.join(project, "public"))
        os.makedirs(os.path.join(project, ".git"))
        os.symlink("/", os.path.join(project, "link"))
        self.give(
            home="server: https://mine.example\napi_key: SECRET\nprofiles:\n"
            "  work: {server: 'https://work.example', api_key: KW}\ntunnels:\n  mine: {target: '10.0.0.9:9'}\n"
        )
        keys = {"https://mine.example": "SECRET", "https://work.example": "KW"}
        taken = []

        @settings(max_examples=150, deadline=None, database=None, derandomize=True)
        @given(_PROJECT)
        def check(written: dict[str, Any]) -> None:
            self.give(project=json.dumps(written))
            try:
                found = self.load(None, Stored())
            except SettingsError as error:
                self.assertNotIn("SECRET", str(error))
                return
            taken.append(written)
            self.assertIn(found.server, keys)
            key = found.api_key.get_secret_value() if found.api_key is not None else None
            self.assertIn(key, (None, keys[found.server]))
            self.assertIsNone(found.proxy)
            for tunnel in found.tunnels:
                if tunnel.name == "mine" and "mine" not in written["tunnels"]:
                    self.assertEqual((str(tunnel.routes[0].target), tunnel.auth), ("http://10.0.0.9:9", None))
                    continue
                for route in tunnel.routes:
                    target = route.target
                    self.assertIn(target.host, ("", "localhost", "127.0.0.1", "::1"))
                    self.assertIn(os.path.realpath(target.path or project)[: len(project)], (project,))
                    self.assertNotIn("/.", os.path.realpath(target.path or project)[len(project) :])

        check()
        self.assertGreater(len(taken), 10, "hardly any was taken, so little was tried")
