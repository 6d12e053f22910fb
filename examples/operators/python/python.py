"""Runs a script in Python: the component behind `script:` with `language: python`, and the operator `std/python`.

The input is `{"source": ..., "input": ...}`. The script is run from its first line, then its function `main` is called with
`input`; what that returns is the result. With `{"source": ..., "check": true}` nothing is run: the answer is null, or where the
source is no Python.

A component has no files, so nothing can be imported later: what scripts may import is imported here.
"""

from __future__ import annotations

# ruff: noqa: F401
import abc
import array
import ast
import base64
import binascii
import bisect
import calendar
import collections
import collections.abc
import colorsys
import configparser
import contextlib
import copy
import csv
import dataclasses
import datetime
import decimal
import difflib
import email
import email.message
import email.mime.text
import email.utils
import enum
import errno
import fnmatch
import fractions
import functools
import graphlib
import hashlib
import heapq
import hmac
import html
import html.parser
import io
import ipaddress
import itertools
import json
import keyword
import linecache
import locale
import logging
import math
import numbers
import operator
import os
import os.path
import pathlib
import pprint
import random
import re
import reprlib
import secrets
import shlex
import statistics
import string
import struct
import sys
import tempfile
import textwrap
import time
import timeit
import tokenize
import tomllib
import traceback
import types
import typing
import unicodedata
import urllib.parse
import uuid
import warnings
import weakref
import xml.etree.ElementTree
import zoneinfo
from typing import Any

import cofferdam
from cofferdam import (
    artifacts,
    checkpoint,
    config,
    context,
    errors,
    http,
    log,
    progress,
    task,
    xcom,
)

NAME = "<script>"


@task(json=True)
def run(input: Any) -> Any:
    """Runs a script in Python.

    The input is an object: `source` is the script, whose function `main` is called with `input` (null when it is not there). What that
    returns is the result. With `check: true` nothing is run: the result is null, or where the script is no Python, with `message`, `line`
    and `column`.
    """
    source = input.get("source") if isinstance(input, dict) else None
    if not isinstance(source, str):
        raise cofferdam.Fatal("the input needs 'source': a script in Python")
    try:
        code = _compiled(source)
    except _Problem as problem:
        if input.get("check"):
            return {"message": problem.message, "line": problem.line, "column": problem.column}
        raise cofferdam.Fatal(f"line {problem.line}, column {problem.column}: {problem.message}") from None
    if input.get("check"):
        return None
    linecache.cache[NAME] = (len(source), None, source.splitlines(keepends=True), NAME)
    module = types.ModuleType("__main__")
    # Dataclasses and the like look their module up.
    sys.modules["__main__"] = module
    try:
        exec(code, module.__dict__)
        return module.main(input.get("input"))
    except errors.TaskError:
        raise
    except BaseException as error:
        _show(error)
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        line = next((at.lineno for at in reversed(traceback.extract_tb(error.__traceback__)) if at.filename == NAME), None)
        raise cofferdam.Retry(text if line is None else f"{text} (line {line})") from None


class _Problem(Exception):
    def __init__(self, message: str, line: int | None, column: int | None) -> None:
        self.message, self.line, self.column = message, line or 1, column or 1


def _compiled(source: str) -> types.CodeType:
    """The script as code, when it is Python and defines `main`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, NAME)
            code = compile(tree, NAME, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise _Problem(error.msg, error.lineno, error.offset) from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise _Problem(str(error) or "the script is nested too deeply", 1, 1) from None
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "main":
            raise _Problem("main cannot be async: write `def main(input):`", node.lineno, node.col_offset + 1)
    if not any("main" in _bound(node) for node in tree.body):
        raise _Problem("there is no function main: write `def main(input):`", 1, 1)
    return code


def _bound(node: ast.stmt) -> set[str]:
    """Names that a statement may bind, in whatever it contains."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
            found.add(part.name)
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
        elif isinstance(part, ast.alias):
            found.add(part.asname or part.name)
    return found


def _show(error: BaseException) -> None:
    """The traceback, without what lies around the script."""
    at = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename != NAME:
        at = at.tb_next
    traceback.print_exception(type(error), error, at or error.__traceback__)
