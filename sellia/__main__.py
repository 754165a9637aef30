"""Entry point of the ``sellia`` command, and of ``python -m sellia``.

It imports nothing before it can catch Ctrl-C, which would end an import with a traceback.
"""

import sys


def main() -> None:
    """Run the command that the arguments name, and leave with its exit status."""
    try:
        from sellia.cli.main import main as command

        command(prog_name="sellia")
    except KeyboardInterrupt:
        sys.exit(130)  # as sellia.cli.exits has it, which may not be there yet


if __name__ == "__main__":
    main()
