"""The script of a task: of its file, what the function uses, on the lines where it stands."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import linecache
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._task import Task


class ScriptError(Exception):
    """Why a function cannot be a script."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a file."""

    node: ast.stmt
    #: The names that it defines.
    defines: frozenset[str]
    #: The names that it uses.
    uses: frozenset[str]


@dataclass(frozen=True)
class File:
    """A file of Python, read."""

    lines: list[str]
    tree: ast.Module
    statements: list[Statement]


def source_of(task: Task[Any, Any], spread: str | None = None) -> str:
    """The program of a task: it defines `main`, which takes the task's input and returns its result.

    Its lines have the numbers that they have in the file, so that a traceback is right about them. With `spread`, the fields of the object
    under that key of the input are arguments too.
    """
    function = task.function
    path = inspect.getsourcefile(function)
    if path is None or not Path(path).exists():
        raise ScriptError(f"the source of {function.__qualname__}() is not in a file")
    file = _read(path)
    definition = _definition(file, function)
    wanted = _wanted(file, definition)
    lines: dict[int, str] = {}
    for node in wanted:
        _copy(file, node, lines)
    _copy_function(file, definition, lines)
    last = max(lines)
    text = "\n".join(lines.get(number, "") for number in range(1, last + 1))
    as_json = ", json=True" if task.as_json else ""
    merged = "" if spread is None else f"    fields = input.pop({spread!r})\n    input = {{**input, **fields}}\n"
    return (
        f"{text}\n\nfrom cofferdam import task as __task\n"
        f"__main = __task(name={task.name!r}{as_json})({definition.name})\n\n"
        f"def main(input):\n{merged}    return __main.run_json(input)\n"
    )


@functools.lru_cache
def _read(path: str) -> File:
    lines = linecache.getlines(path) or Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
    tree = ast.parse("".join(lines), path)
    statements = [Statement(node, frozenset(_defined(node)), frozenset(_used(node))) for node in tree.body]
    return File([line.rstrip("\n") for line in lines], tree, statements)


def _definition(file: File, function: Any) -> ast.FunctionDef:
    first = function.__code__.co_firstlineno
    for node in ast.walk(file.tree):
        if isinstance(node, ast.AsyncFunctionDef) and _starts(node) == first:
            raise ScriptError(f"{node.name}() is async; a task is an ordinary function", first)
        if isinstance(node, ast.FunctionDef) and node.name == function.__name__ and _starts(node) == first:
            if function.__code__.co_freevars:
                names = ", ".join(function.__code__.co_freevars)
                raise ScriptError(
                    f"{node.name}() uses {names} of the function around it, which is not there when the task runs: "
                    "pass it as an argument, or move it to the top of the file",
                    first,
                )
            return node
    raise ScriptError(f"the definition of {function.__qualname__}() was not found: write it with `def` in the file", first)


def _starts(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _wanted(file: File, definition: ast.FunctionDef) -> list[ast.stmt]:
    """The statements at the top of the file that the function needs, with what they need."""
    found: dict[int, ast.stmt] = {}
    names = list(_used_by_function(definition))
    seen: set[str] = set()
    while names:
        name = names.pop()
        if name in seen or name == definition.name and definition in file.tree.body:
            continue
        seen.add(name)
        for statement in file.statements:
            if name in statement.defines and id(statement.node) not in found:
                found[id(statement.node)] = statement.node
                node = statement.node
                # The decorators of another task are left away with what they use.
                names.extend(_used_by_function(node) if isinstance(node, ast.FunctionDef) else statement.uses)
    future = [node for node in file.tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    return [node for node in file.tree.body if id(node) in found or node in future]


def _used_by_function(node: ast.FunctionDef) -> set[str]:
    kept = [decorator for decorator in node.decorator_list if not _is_ours(decorator)]
    used = {name for part in [*kept, node.args, *node.body] for name in _used(part)}
    return used | (_used(ast.Expr(node.returns)) if node.returns else set())


def _is_ours(decorator: ast.expr) -> bool:
    """Whether it is `@task`, `@task(...)`, `@task.branch`, `@dags.task` or the like."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    parts: list[str] = []
    while isinstance(target, ast.Attribute):
        parts.append(target.attr)
        target = target.value
    if isinstance(target, ast.Name):
        parts.append(target.id)
    return "task" in parts or "dag" in parts or "task_group" in parts


def _used(node: ast.AST) -> set[str]:
    names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    # Annotations that are written as text name types too.
    for one in ast.walk(node):
        for annotation in (getattr(one, "annotation", None), getattr(one, "returns", None)):
            if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
                names |= _used(ast.parse(annotation.value, mode="eval"))
    return {name for name in names if not hasattr(builtins, name)}


def _defined(node: ast.stmt) -> set[str]:
    names: set[str] = set()
    for one in ast.walk(node) if isinstance(node, (ast.If, ast.Try, ast.With, ast.For)) else [node]:
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(one.name)
        elif isinstance(one, (ast.Import, ast.ImportFrom)):
            names.update((alias.asname or alias.name).split(".")[0] for alias in one.names)
        elif isinstance(one, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            names.update(each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))
    return names


def _copy(file: File, node: ast.stmt, lines: dict[int, str]) -> None:
    if isinstance(node, ast.FunctionDef):
        _copy_function(file, node, lines)
        return
    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "cofferdam":
        # What writes dags is not there when a task runs.
        kept = [alias for alias in node.names if node.module == "cofferdam" and alias.name not in ("dag", "dags")]
        if kept:
            written = ast.unparse(ast.ImportFrom(node.module, kept, 0))
            lines[node.lineno] = written
        return
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        return
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
    for number in range(first, (node.end_lineno or node.lineno) + 1):
        lines[number] = file.lines[number - 1]


def _copy_function(file: File, node: ast.FunctionDef, lines: dict[int, str]) -> None:
    for decorator in node.decorator_list:
        if not _is_ours(decorator):
            # Nothing but decorators stands above `def`.
            lines[decorator.lineno] = f"@{ast.unparse(decorator)}"
    body = file.lines[node.lineno - 1 : node.end_lineno]
    # One inside of a dag's function moves to the left.
    for offset, line in enumerate(textwrap.dedent("\n".join(body)).split("\n")):
        lines[node.lineno + offset] = line
