"""One module for each program; `tests.field.__main__.known` finds them by themselves."""
