"""From a file to a component."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
import traceback
from pathlib import Path
from types import ModuleType

from . import _docs, _host, _wit
from ._task import tasks_of

#: The module that componentize-py makes a component of.
_APP = "cofferdam_app"
_VERSION = "0.25.1"


class BuildError(Exception):
    """Why there is no component; says what to do."""


def load(file: Path) -> ModuleType:
    """Runs a file as a module."""
    if not file.is_file():
        raise BuildError(f"there is no file {file}")
    if not file.stem.isidentifier() or file.stem in (_APP, "cofferdam", "wit_world", "component"):
        raise BuildError(f"{file.name}: a module cannot be called {file.stem!r}; rename the file")
    sys.path.insert(0, str(file.parent.resolve()))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise BuildError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BuildError(_told(error, file)) from None
    return module


def _told(error: Exception, file: Path) -> str:
    """Why a program does not start: its own part of the traceback, and what to do."""
    at = error.__traceback__
    while at is not None and Path(at.tb_frame.f_code.co_filename).resolve() != file.resolve():
        at = at.tb_next
    text = "".join(traceback.format_exception(type(error), error, at)).rstrip()
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.split(".")[0]
        text += f"\n{package} is neither beside {file.name} nor installed: {sys.executable} -m pip install {package}"
    elif isinstance(error, ImportError) and "no known parent package" in str(error):
        text += f"\n{file.name} is in no package: import what is beside it without the dot, as in `from helpers import ...`"
    return f"{file} cannot be imported:\n{text}"


def capabilities(file: Path) -> set[str]:
    """What a program uses that must be granted: the modules that it loads, or names as `cofferdam.http`."""
    used = {name for name in _host.ON_DEMAND if f"cofferdam.{name}" in sys.modules}
    short = {"variable": "config", "connection": "config"}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cofferdam":
            name = short.get(node.attr, node.attr)
            used |= {name} & set(_host.ON_DEMAND)
    return used


def wit(file: Path) -> tuple[str, set[str]]:
    """The WIT of a file, and what it uses that must be granted."""
    module = load(file)
    used = capabilities(file)
    return _wit.world(module, _wit.package_name(file), used), used


def build(file: Path, output: Path) -> None:
    """Makes a component of a file."""
    program = componentize_py()
    text, used = wit(file)
    as_json = tasks_of(sys.modules[file.stem])[0].as_json
    with tempfile.TemporaryDirectory(prefix="cofferdam-py-") as name:
        folder = Path(name)
        _wit.write(folder / "wit", text, used)
        app = folder / "app"
        app.mkdir()
        (app / f"{_APP}.py").write_text(_app(file.stem, as_json, used), encoding="utf-8")
        command = [program, "--quiet", "--wit-path", folder / "wit", "--world", "component", "--world-module", "wit_world"]
        version, _ = _wit.contract()
        command += ["--import-interface-name", f"cofferdam:task/types@{version}=task_types"]
        if "http" in used:
            command += ["--import-interface-name", "wasi:http/types@0.2.0=http_types"]
        command += ["componentize", _APP, "--output", output]
        for path in (app, file.parent.resolve(), *_libraries()):
            command += ["--python-path", path]
        output.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode != 0:
            raise BuildError(f"componentize-py failed:\n{_shortened(done.stderr)}{_remedy(done.stderr)}")
    output.write_bytes(_docs.attach(output.read_bytes(), text))


def _app(module: str, as_json: bool, used: set[str]) -> str:
    """The module that is the component: imports the program, and exports its tasks."""
    lines = ["import wit_world", "from wit_world.imports import task_types"]
    # Loaded while the component is built; later nothing can be imported.
    lines += [f"import cofferdam.{name}" for name in sorted(used)]
    lines += ["from cofferdam import _component", f"import {module} as program"]
    if as_json:
        lines.append("WitWorld = _component.world(program, wit_world.WitWorld, task_types)")
    else:
        lines += [
            "from wit_world import exports",
            "from wit_world.exports import tasks",
            "Tasks = _component.typed(program, exports.Tasks, tasks, task_types)",
        ]
    return "\n".join(lines) + "\n"


def _libraries() -> list[Path]:
    """Where this package and those of the program are."""
    own = Path(__file__).resolve().parent.parent
    found = [own, *(Path(path) for path in site.getsitepackages()), Path(sysconfig.get_path("purelib"))]
    return [path for index, path in enumerate(found) if path.is_dir() and path not in found[:index]]


def _shortened(text: str) -> str:
    """The guest's traceback, without the one of componentize-py itself."""
    return text.split("\n\nCaused by:")[0].split("\nStack backtrace:")[0].strip()


def _remedy(text: str) -> str:
    """What to do when the program starts here, and not inside a component."""
    found = re.findall(r"No module named '([\w.]+)'", text)
    if not found:
        return ""
    package = found[-1].split(".")[0]
    return (
        f"\n{found[-1]} is not there in a component: modules in native code are left out, those of CPython too. Take a package in pure Python "
        f"in place of {package.lstrip('_')}, or import it where only tests and tools need it"
    )


def componentize_py() -> Path:
    """The program of this environment, or the first on the path."""
    beside = Path(sys.executable).parent / "componentize-py"
    found = beside if beside.is_file() else shutil.which("componentize-py")
    if found is None:
        raise BuildError(f"componentize-py is not installed: pip install componentize-py=={_VERSION}")
    return Path(found)
