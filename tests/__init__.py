"""Tests of Sellia, laid out as `sellia` is; `e2e` and `conformance` run it as processes."""

import os

# Neither tests nor the processes that they start touch the keyring of whoever runs them.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
