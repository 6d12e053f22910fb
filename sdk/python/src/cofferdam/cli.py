"""The command `cofferdam-py`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import _build


def main(arguments: list[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="cofferdam-py", description="Makes components of Python files with tasks.")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make a component of a file")
    build.add_argument("file", type=Path, help="a Python file with one or more functions under @task")
    build.add_argument("-o", "--output", type=Path, help="where to write the component; FILE.wasm when not given")
    show = commands.add_parser("wit", help="print the WIT of a file")
    show.add_argument("file", type=Path, help="a Python file with one or more functions under @task")
    given = parser.parse_args(arguments)
    try:
        if given.command == "wit":
            print(_build.wit(given.file)[0], end="")
            return 0
        output = given.output or given.file.with_suffix(".wasm")
        _build.build(given.file, output)
        print(f"{output}: {output.stat().st_size:,} bytes")
        return 0
    except (_build.BuildError, TypeError) as error:
        print(f"cofferdam-py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
