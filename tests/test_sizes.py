"""Sizes of modules and functions: what is longer hides more than one thing."""

import ast
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import sellia

SOURCE = Path(sellia.__file__).resolve().parent

#: Maximum lines of a module, and of a function with its docstring.
MODULE_LINES = 400
FUNCTION_LINES = 60


#: Lists of values that are read as one, and may be longer.
CATALOGUES = {"problems.py"}


class SizeTests(SynchronousTestCase):
    def test_modules_and_functions(self) -> None:
        too_long = []
        for path in sorted(SOURCE.rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            name = str(path.relative_to(SOURCE))
            if text.count("\n") > MODULE_LINES and name not in CATALOGUES:
                too_long.append(f"{name}: {text.count(chr(10))} lines")
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or node.lineno) - node.lineno + 1
                    if lines > FUNCTION_LINES:
                        too_long.append(f"{name}: {node.name}: {lines} lines")
        self.assertEqual(too_long, [])
