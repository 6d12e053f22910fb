"""The WIT of a program."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Any

from . import _host
from ._names import kebab
from ._nodes import doc_lines
from ._task import tasks_of
from ._types import Types

#: The interfaces of `wasi:http` that `cofferdam.http` needs.
HTTP = "wasi:http/outgoing-handler@0.2.0"


def contract() -> tuple[str, list[str]]:
    """The version of `cofferdam:task` that comes with this package, and its interfaces."""
    version, interfaces = "", []
    for file in sorted((resources.files("cofferdam") / "wit" / "task").iterdir(), key=lambda file: file.name):
        text = file.read_text(encoding="utf-8")
        version = re.findall(r"^package cofferdam:task@([^;]+);", text, re.MULTILINE)[0]
        interfaces += re.findall(r"^interface ([a-z-]+) \{", text, re.MULTILINE)
    return version, interfaces


def world(module: Any, name: str, capabilities: set[str]) -> str:
    """The WIT of a module with tasks: one world that exports them, and imports what they use."""
    version, interfaces = contract()
    tasks = tasks_of(module)
    wanted = [one for one in (*_host.BASE, *sorted(capabilities & {"config", "artifacts"})) if one in interfaces]
    imports = [f"  import cofferdam:task/{one}@{version};" for one in wanted]
    if "http" in capabilities:
        imports.append(f"  import {HTTP};")
    lines = [f"package local:{name};", ""]
    if tasks[0].as_json:
        lines += [
            "world component {",
            f"  use cofferdam:task/types@{version}.{{json, task-error}};",
            *imports,
            *doc_lines(tasks[0].function.__doc__, "  "),
            "  export run: func(input: json) -> result<json, task-error>;",
            "}",
        ]
        return "\n".join(lines) + "\n"
    types = Types()
    signatures = [task.signature(types) for task in tasks]
    functions = [line for signature in signatures for line in signature.wit()]
    declared: dict[str, list[str]] = {}
    for signature in signatures:
        nodes = [param.node for param in signature.params] + ([signature.result] if signature.result else [])
        for node in nodes:
            for named in node.named():
                declared.setdefault(named.name, named.declare())
    body = [line for declaration in declared.values() for line in declaration]
    uses_json = any(re.search(r"\bjson\b", line) for line in body + functions if "///" not in line)
    if uses_json:
        body[:0] = ["  /// Whatever JSON can hold.", "  variant json { json(string) }"]
    lines += [
        *doc_lines(module.__doc__, ""),
        "interface tasks {",
        f"  use cofferdam:task/types@{version}.{{task-error}};",
        *body,
        *functions,
        "}",
        "",
        "world component {",
        *imports,
        "  export tasks;",
        "}",
    ]
    return "\n".join(lines) + "\n"


def package_name(file: Path) -> str:
    """The name of the package that a file becomes."""
    name = kebab(file.stem)
    if name is None:
        raise TypeError(f"{file.stem!r} is no name for a component: name the file with letters, digits and '_'")
    return name


def write(folder: Path, text: str, capabilities: set[str]) -> None:
    """Writes the WIT of a program and the packages that it needs, as a folder that componentize-py reads."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "component.wit").write_text(text, encoding="utf-8")
    packages = resources.files("cofferdam") / "wit"
    _copy(packages / "task", folder / "deps" / "task")
    if "http" in capabilities:
        for package in ("io", "http"):
            _copy(packages / "wasi" / package, folder / "deps" / package)


def _copy(source: Any, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        # The world `task` is for components that export `run`; here only the interfaces are needed.
        if file.name.endswith(".wit") and file.name != "world.wit":
            (folder / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
