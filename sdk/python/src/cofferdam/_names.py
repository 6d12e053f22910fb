"""Names of Python as names of WIT (kebab-case), and back as componentize-py spells them."""

from __future__ import annotations

import re

_KEYWORDS = frozenset(
    "as async bool borrow char constructor enum error-context export f32 f64 flags from func future import include "
    "interface list map option own package record resource result s16 s32 s64 s8 static stream string tuple type u16 "
    "u32 u64 u8 use variant with world".split()
)


def kebab(name: str) -> str | None:
    """The name in kebab-case; None when WIT has no such name."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    words: list[str] = []
    for word in re.split(r"[_\-\s]+", spaced.lower()):
        if not word:
            continue
        if not re.fullmatch(r"[a-z0-9]+", word):
            return None
        # A word of WIT begins with a letter: `top_10` becomes `top10`.
        if word[0].isdigit():
            if not words:
                return None
            words[-1] += word
        else:
            words.append(word)
    return "-".join(words) or None


def escaped(name: str) -> str:
    """A name as it is written in WIT text: keywords need a sign."""
    return f"%{name}" if name in _KEYWORDS else name


def snake(name: str) -> str:
    """A name of WIT as the bindings spell it."""
    return name.replace("-", "_")


def camel(name: str) -> str:
    """The name of a type of WIT as the bindings spell it."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("-"))
