"""Tests of Sellia, laid out as `sellia` is; `e2e` and `conformance` run it as processes."""
