"""A user with a home, a project in it, and the commands of ``sellia config``."""

import os
import shutil
import tempfile

from tests.cli.case import CommandCase


class ConfigCase(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        # Not below the working directory, which is in a repository.
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="sellia-test-"))
        self.addCleanup(shutil.rmtree, self.root)
        self.user = os.path.join(self.root, "home", ".config", "sellia", "sellia.yaml")
        self.project = os.path.join(self.root, "home", "p", "sellia.yaml")
        os.makedirs(os.path.dirname(self.project))
        os.environ.pop("XDG_CONFIG_HOME")
        os.environ["HOME"] = os.path.join(self.root, "home")
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(os.path.dirname(self.project))

    def write(self, path: str, text: str) -> str:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path
