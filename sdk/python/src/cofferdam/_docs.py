"""The documentation of WIT, as components carry it."""

from __future__ import annotations

import json
import re
from typing import Any


def documentation(text: str) -> dict[str, Any]:
    """What the comments of WIT text say, in the form of the section `package-docs`: by interface, then by function or type, then by field or case."""
    interfaces: dict[str, Any] = {}
    worlds: dict[str, Any] = {}
    world: dict[str, Any] | None = None
    interface: dict[str, Any] | None = None
    items: dict[str, str] | None = None
    comment: list[str] = []
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("///"):
            comment.append(line[3:].removeprefix(" "))
            continue
        docs = "\n".join(comment).strip()
        comment = []
        if opened := re.match(r"interface %?([\w-]+) \{$", line):
            interface = interfaces.setdefault(opened[1], {"funcs": {}, "types": {}})
            if docs:
                interface["docs"] = docs
        elif opened := re.match(r"world %?([\w-]+) \{$", line):
            world = worlds.setdefault(opened[1], {"func_exports": {}})
        elif interface is None:
            if docs and world is not None and (function := re.match(r"export %?([\w-]+): func\(", line)):
                world["func_exports"][function[1]] = docs
        elif line == "}":
            if items is None:
                interface = None
            items = None
        elif opened := re.match(r"(?:record|variant|enum|flags) %?([\w-]+) \{", line):
            described: dict[str, Any] = {"items": {}}
            if docs:
                described["docs"] = docs
            interface["types"][opened[1]] = described
            items = None if line.endswith("}") else described["items"]
        elif docs and items is not None and (item := re.match(r"%?([\w-]+)[:,(]", line)):
            items[item[1]] = docs
        elif docs and (function := re.match(r"%?([\w-]+): func\(", line)):
            interface["funcs"][function[1]] = docs
    return {"worlds": worlds, "interfaces": interfaces}


def attach(component: bytes, text: str) -> bytes:
    """A component with the documentation of its WIT.

    The section has a name of its own, since tools that read WIT back from a component take one of the name `package-docs` for documentation
    of the package that they make up for it, and stop at names that this package does not have.
    """
    name = b"cofferdam-docs"
    document = json.dumps(documentation(text), ensure_ascii=False, separators=(",", ":"))
    content = _leb(len(name)) + name + b"\0" + document.encode()
    return component + b"\0" + _leb(len(content)) + content


def _leb(number: int) -> bytes:
    """An unsigned LEB128 number."""
    digits = bytearray()
    while number >= 0x80:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)
