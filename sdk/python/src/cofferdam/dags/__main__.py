"""`python -m cofferdam.dags FILE`: writes down the dags of a file as JSON, as `cofferdam dag apply FILE` asks for them.

The answer is `{"dags": [{"definition": …, "places": {"/tasks/0": 12}}]}`, where `places` tells the lines of what stands
in the definition; or `{"error": {"message": …, "line": …}}`, with exit code 1.
"""

from __future__ import annotations

import contextlib
import json
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

from ._dag import Dag
from ._graph import DagError
from ._script import ScriptError


def read(path: Path) -> list[Dag]:
    """The dags of a file. One that the file does not call is called."""
    Dag.made.clear()
    sys.path.insert(0, str(path.resolve().parent))
    try:
        runpy.run_path(str(path), run_name="__cofferdam__")
        found = [one for one in Dag.made if Path(one.function.__code__.co_filename).resolve() == path.resolve()]
        for one in found:
            if one.definition is None:
                one()
    finally:
        sys.path.pop(0)
    if not found:
        raise DagError("the file has no dag: write @dag above a function")
    return found


def line_of(error: BaseException, path: Path) -> int | None:
    """The line of the file where it happened."""
    if isinstance(error, SyntaxError):
        return error.lineno
    known = getattr(error, "line", None)
    if known is not None:
        return int(known)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).resolve() == path.resolve()]
    return frames[-1].lineno if frames else None


def main(arguments: list[str]) -> int:
    """Runs the command."""
    if len(arguments) != 1:
        print("usage: python -m cofferdam.dags FILE", file=sys.stderr)
        return 2
    path = Path(arguments[0])
    answer: dict[str, Any]
    try:
        # What the file prints is for a person.
        with contextlib.redirect_stdout(sys.stderr):
            dags = read(path)
        answer = {"dags": [{"definition": one.definition, "places": one.places} for one in dags]}
    except (Exception, SystemExit) as error:
        kind = "" if isinstance(error, (DagError, ScriptError)) else f"{type(error).__name__}: "
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        answer = {"error": {"message": f"{kind}{message}", "line": line_of(error, path)}}
    json.dump(answer, sys.stdout)
    print()
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
