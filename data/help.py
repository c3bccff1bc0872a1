"""The help page of a command, out of its signature and its docstring."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data.command import Flag

WIDTH = 110


def help_text(program: str, fn: Callable[..., Any], flags: Sequence[Flag]) -> str:
    """Usage, what the command does, and every argument with its meaning, type and default."""
    about, texts = split_docstring(fn)
    places = [flag for flag in flags if flag.positional]
    others = [flag for flag in flags if not flag.positional]
    usage = " ".join([f"usage: {program}", *(flag.name.upper() for flag in places), *(_usage(f) for f in others)])
    blocks = [textwrap.fill(usage, WIDTH, subsequent_indent=" " * 8, break_long_words=False, break_on_hyphens=False)]
    blocks.append(about)
    if places:
        blocks.append(_section("arguments", [(flag.name.upper(), flag) for flag in places], texts))
    rows = [(_label(flag), flag) for flag in others]
    blocks.append(_section("flags", rows, texts) + "\n  --help\n        print this page")
    return "\n\n".join(block for block in blocks if block)


def split_docstring(fn: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """(text before "Args:" and after it, {parameter: its text}) of a Google-style docstring."""
    lines = inspect.cleandoc(fn.__doc__ or "").splitlines()
    about: list[str] = []
    texts: dict[str, str] = {}
    inside, name = False, ""
    for line in lines:
        if line.strip() == "Args:":
            inside = True
        elif inside and line and not line.startswith(" "):
            inside = False
            about.append(line)
        elif inside:
            match = re.match(r" {4}(\w+): *(.*)", line)
            if match:
                name = match[1]
                texts[name] = match[2]
            elif name and line.strip():
                texts[name] += " " + line.strip()
        else:
            about.append(line)
    return "\n".join(about).strip(), texts


def _section(title: str, rows: list[tuple[str, Flag]], texts: dict[str, str]) -> str:
    lines = [f"{title}:"]
    for label, flag in rows:
        said = [texts.get(flag.name, ""), "" if flag.positional else _default(flag)]
        body = " ".join(part for part in said if part)
        lines.append(f"  {label}")
        lines.extend(textwrap.wrap(body, WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8))
    return "\n".join(lines)


def _label(flag: Flag) -> str:
    return f"{flag.word} [true|false]" if flag.kind is bool else f"{flag.word} {_value(flag)}"


def _value(flag: Flag) -> str:
    if isinstance(flag.kind, tuple):
        return "{" + ",".join(flag.kind) + "}"
    return {int: "INTEGER", float: "NUMBER", Path: "PATH", str: "TEXT"}[flag.kind]


def _usage(flag: Flag) -> str:
    return _label(flag) if flag.required else f"[{_label(flag)}]"


def _default(flag: Flag) -> str:
    if flag.required:
        return "(required)"
    if flag.default is None:
        return ""
    shown = str(flag.default).lower() if flag.kind is bool else str(flag.default)
    return f"(default: {shown})"
