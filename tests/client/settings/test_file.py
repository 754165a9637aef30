"""What files say of tunnels: by name, whole, with defaults, and which of them wins."""

import os

from sellia.client.settings import TUNNEL_LIMIT, shown_routes
from tests.client.settings.cases import LayersCase, Stored
from tests.client.test_tls import certificate

HOME = "server: https://a.example\n"


class TunnelsTests(LayersCase):
    def names(self) -> dict[str, str]:
        return {each.name: shown_routes(each.routes) for each in self.load(None, Stored(a="k")).tunnels}

    def test_files_are_put_together_by_name(self) -> None:
        self.give(
            etc="tunnels: {web: {target: 1}, db: {target: 2}}\n",
            home=HOME + "tunnels: {web: {target: 3}}\n",
            project="tunnels: {api: {target: 4}}\n",
        )
        self.assertEqual(
            self.names(), {"web": "http://localhost:3", "db": "http://localhost:2", "api": "http://localhost:4"}
        )

    def test_one_of_the_same_name_is_replaced_whole(self) -> None:
        """Half of it from here and half from there is what nobody has written."""
        self.give(
            etc="tunnels: {web: {target: 1, auth: 'a:b'}}\n",
            home=HOME + "tunnels: {web: {target: 3}}\n",
        )
        (tunnel,) = self.load().tunnels
        self.assertIsNone(tunnel.auth)

    def test_a_target_of_a_flag_leaves_the_files_tunnels_alone(self) -> None:
        self.give(home=HOME + "tunnels: {web: {target: 3}}\n")
        (tunnel,) = self.load({"target": "9"}).tunnels
        self.assertEqual((tunnel.name, shown_routes(tunnel.routes)), ("1", "http://localhost:9"))

    def test_a_target_that_is_the_name_of_a_tunnel(self) -> None:
        self.give(home=HOME + "tunnels: {web: {target: 3}, '80': {target: 4}}\n")
        self.assertRegex(self.fault({"target": "web"}), "^--target: web is a tunnel in .*/home/sellia.yaml$")
        self.assertEqual(shown_routes(self.load({"target": "80"}).tunnels[0].routes), "http://localhost:80")

    def test_more_tunnels_than_a_session_has(self) -> None:
        """They are not even looked at."""
        many = "".join(f"  t{number}: {{traget: 1}}\n" for number in range(TUNNEL_LIMIT + 1))
        self.give(home=f"{HOME}tunnels:\n{many}")
        self.assertIn("sellia.yaml:2:1: tunnels: are more than 256 tunnels", self.fault())


class DefaultsTests(LayersCase):
    def waits(self, **flags: object) -> dict[str, float | None]:
        return {each.name: each.request_timeout for each in self.load(flags, Stored(a="k")).tunnels}

    def test_they_hold_for_all_that_say_nothing(self) -> None:
        self.give(
            home=HOME
            + "defaults: {request_timeout: 5}\ntunnels:\n  a: {target: 1}\n  b: {target: 2, request_timeout: 7}\n"
            "  c: {target: 3, request_timeout: null}\n"
        )
        self.assertEqual(self.waits(), {"a": 5.0, "b": 7.0, "c": None})
        self.assertEqual(self.waits(target="8080"), {"1": 5.0})

    def test_those_of_own_files_hold_for_stronger_ones(self) -> None:
        self.give(
            etc="defaults: {request_timeout: 5}\ntunnels: {a: {target: 1}}\n",
            home=HOME + "defaults: {request_timeout: 6}\ntunnels: {b: {target: 2}}\n",
            project="tunnels: {c: {target: 3}}\n",
        )
        self.assertEqual(self.waits(), {"a": 5.0, "b": 6.0, "c": 6.0})

    def test_those_of_a_project_hold_for_its_own(self) -> None:
        self.give(
            home=HOME + "defaults: {request_timeout: 6}\ntunnels: {b: {target: 2}}\n",
            project="defaults: {request_timeout: 8}\ntunnels: {c: {target: 3}}\n",
        )
        self.assertEqual(self.waits(), {"b": 6.0, "c": 8.0})
        self.assertEqual(self.waits(target="8080"), {"1": 6.0})

    def test_what_is_wrong_is_told_once(self) -> None:
        self.give(home=HOME + "defaults: {while_away: no, subdomain: abc}\ntunnels: {a: {target: 1}, b: {target: 2}}\n")
        lines = self.faults()
        self.assertEqual(len(lines), 2)
        self.assertIn("sellia.yaml:2:24: defaults.while_away: must be 'wait' or 'refuse', not no", lines[0])
        self.assertIn("subdomain is not a setting", lines[1])


class PathTests(LayersCase):
    def test_paths_start_from_the_file(self) -> None:
        self.give(home=HOME + "ca: my.pem\ntunnels: {a: {target: 'https://x', local_ca: ../x.pem}}\n")
        lines = self.faults()
        self.assertIn(f"cannot read {self.directory}/home/my.pem", lines[0])
        self.assertIn(f"cannot read {self.directory}/home/../x.pem", lines[1])

    def test_those_of_defaults_too(self) -> None:
        for name in ("home", "project"):
            with open(os.path.join(self.directory, name, "ca.pem"), "wb") as file:
                file.write(certificate("service.test").dumpPEM())
        text = "defaults: {local_ca: ca.pem}\ntunnels: {%s: {target: 'https://localhost:1'}}\n"
        self.give(home=HOME + text % "mine", project=text % "theirs")
        found = {each.name: each.local_ca for each in self.load().tunnels}
        self.assertEqual(found, {"mine": f"{self.directory}/home/ca.pem", "theirs": f"{self.directory}/project/ca.pem"})

    def test_those_of_profiles_too(self) -> None:
        self.give(home="profile: w\nprofiles: {w: {server: 'https://a.example', ca: my.pem}}\n")
        self.assertIn(f"profiles.w.ca: cannot read {self.directory}/home/my.pem", self.faults({"target": "1"})[0])

    def test_a_flag_from_the_working_directory(self) -> None:
        self.assertIn("cannot read my.pem", self.fault({"target": "1", "server": "https://x", "ca": "my.pem"}))
