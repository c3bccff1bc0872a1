"""Strict commands out of annotated functions: everything on the command line is checked before anything runs.

python-fire does the call. On its own it runs a function before it rejects a misspelt flag, and reads `--amp false` as a
true string; so the words are checked and typed here first, and reach fire as canonical `--name=value` words.

    def main(photo: Path, *, size: int = 256) -> None:
        \"\"\"Says what it does.

        Args:
            photo: an image file
            size: side of the result in pixels, 64 to 1024
        \"\"\"

    if __name__ == "__main__":
        run(main)
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import inspect
import math
import os
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import fire
from fire.decorators import SetParseFns

from data.help import help_text

NEGATIVE = re.compile(r"-\.?\d")  # a value such as -30,-15,0 where a flag could stand
DEBUG = "HAIRNET_DEBUG"
MAX_SEEDS = 10_000_000


class UsageError(ValueError):
    """The command line breaks a rule; nothing has run yet."""


@dataclass(frozen=True)
class Flag:
    """One parameter of a command: `kind` is str, int, float, bool, Path or a tuple of the words it can be."""

    name: str
    kind: type | tuple[str, ...]
    optional: bool
    required: bool
    positional: bool
    default: Any

    @property
    def word(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def label(self) -> str:
        """How the help page and refusals call it."""
        return self.name.upper() if self.positional else self.word

    @property
    def wanted(self) -> str:
        """What a value of this flag is, in words."""
        if isinstance(self.kind, tuple):
            return "one of " + ", ".join(self.kind)
        return {int: "a whole number", float: "a number", bool: "true or false", Path: "a path", str: "text"}[self.kind]


def run(fn: Callable[..., Any], argv: Sequence[str] | None = None) -> NoReturn:
    """Runs `fn` as the command line says and exits: 0 done, 2 a refusal in one sentence, 130 after Ctrl-C.

    Parameters without a default may be given by position or by flag; all others, and keyword-only ones, by flag.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    flags = flags_of(fn)
    if asks_for_help(words):
        with _reader_may_leave():
            print(help_text(program(), fn, flags))
        sys.exit(0)
    try:
        values = parse(words, flags)
    except UsageError as error:
        _refuse(f"{error} (see `{program()} --help`)")
    try:
        with _reader_may_leave():
            _call_by_fire(fn, flags, values)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)
    except (ValueError, OSError) as error:
        if os.environ.get(DEBUG):
            raise
        _refuse(sentence(error))
    sys.exit(0)


def flags_of(fn: Callable[..., Any]) -> list[Flag]:
    """The parameters of a function as flags: str, int, float, bool, Path or Literal, or one of these with None."""
    hints = typing.get_type_hints(fn)
    flags = []
    for name, parameter in inspect.signature(fn).parameters.items():
        assert parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY), f"{name}: no *args"
        kind, optional = _kind(hints[name])
        required = parameter.default is parameter.empty
        positional = required and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        flags.append(Flag(name, kind, optional, required, positional, parameter.default))
    return flags


def asks_for_help(words: list[str]) -> bool:
    """Whether --help or -h is among the words."""
    return any(word in ("--help", "-h") for word in words)


def parse(words: list[str], flags: list[Flag]) -> dict[str, str]:
    """The raw text of each given parameter; UsageError for anything that does not fit."""
    known = {flag.name: flag for flag in flags}
    given: dict[str, str] = {}
    loose: list[tuple[str, Flag | None]] = []  # words without a flag, and the switch that stood right before
    switch: Flag | None = None
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or NEGATIVE.match(word):
            loose.append((word, switch))
            switch = None
            continue
        flag, value = _split(word, known)
        if value is None and flag.kind is bool:
            value = rest.pop(0) if rest and rest[0].lower() in ("true", "false") else "true"
            switch = flag
        elif value is None:
            if not rest or rest[0].startswith("--"):
                raise UsageError(f"{flag.word} needs a value: {flag.wanted}")
            value, switch = rest.pop(0), None
        if flag.name in given:
            raise UsageError(f"{flag.word} is given twice: give it once")
        given[flag.name] = value
    _place(loose, flags, given)
    for flag in flags:
        if flag.name in given:
            convert(flag, given[flag.name])
        elif flag.required:
            raise UsageError(f"{flag.label} is missing: give {flag.wanted}")
    return given


def convert(flag: Flag, text: str) -> Any:
    """The typed value of a flag's text; UsageError naming the flag and what it takes."""
    if flag.optional and flag.kind is not str and text.lower() == "none":
        return None
    if isinstance(flag.kind, tuple):
        if text in flag.kind:
            return text
    elif flag.kind is bool:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
    elif flag.kind is Path:
        if text:
            return Path(text)
    elif flag.kind is str:
        return text
    else:
        try:
            number = flag.kind(text)
        except ValueError:
            number = math.nan
        # Nobody counts beyond 64 bits, and the libraries behind the commands cannot.
        if abs(number) < 2**63 if flag.kind is int else math.isfinite(number):
            return number
    raise UsageError(f"{flag.label} is {flag.wanted}, not {text!r}")


def parse_seeds(text: str, flag: str = "") -> list[int]:
    """The seeds of "0-99,7,200" in that order, each once; 0 to 2^32 - 1, ranges include both ends.

    ValueError for other text, naming the `flag` that it was given to.
    """
    rule = 'seeds are numbers and ranges such as "0-99,200"'
    what = f"{flag} {text!r}".lstrip()
    ranges = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,10})\s*(?:-\s*(\d{1,10})\s*)?", part)
        if match is None:
            raise ValueError(f"{what} is not a list of seeds: {rule}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last >= 2**32:
            what = f"{flag} {part.strip()!r}".lstrip()
            raise ValueError(f"{what} is not a range of seeds: it runs upwards and ends below 2^32")
        ranges.append(range(first, last + 1))
    if sum(map(len, ranges)) > MAX_SEEDS:
        raise ValueError(f"{what} is more than {MAX_SEEDS:,} seeds: give them in several commands")
    return list(dict.fromkeys(seed for part in ranges for seed in part))


def format_seeds(seeds: Sequence[int]) -> str:
    """Rising seeds -> "0-99,200", what parse_seeds reads."""
    text, first = [], 0
    for k, seed in enumerate(seeds):
        if k + 1 == len(seeds) or seeds[k + 1] != seed + 1:
            text.append(f"{seeds[first]}-{seed}" if k > first else f"{seed}")
            first = k + 1
    return ",".join(text)


def program() -> str:
    """The command as the user started it: `python -m synth.sample`."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is None:
        return f"python {sys.argv[0]}"
    return "python -m " + spec.name.removesuffix(".__main__")


def sentence(error: Exception) -> str:
    """What an error says to a user, on one line, printable and without its number."""
    if isinstance(error, OSError) and error.strerror:
        return printable(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    return printable(" ".join(str(error).split())) or type(error).__name__


def printable(text: str) -> str:
    """Text from a file on one line, what would command a terminal or break the line escaped: "\\x1b", "\\n"."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _call_by_fire(fn: Callable[..., Any], flags: list[Flag], values: dict[str, str]) -> None:
    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> None:
        fn(*args, **kwargs)

    call.__dict__.pop("FIRE_METADATA", None)
    SetParseFns(**{flag.name: functools.partial(convert, flag) for flag in flags})(call)
    fire.Fire(call, command=[f"--{name}={text}" for name, text in values.items()], name=program())


@contextlib.contextmanager
def _reader_may_leave() -> Iterator[None]:
    """All output is written in here; when its reader (`| head`) has gone, that is the end, without a word."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(141)


def _kind(annotation: Any) -> tuple[type | tuple[str, ...], bool]:
    """(kind of a Flag, whether None is allowed)."""
    options = [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(annotation) if option is not type(None)]
    assert len(options) == 1, f"a command cannot take {annotation}"
    kind, optional = options[0], options[0] is not annotation
    if typing.get_origin(kind) is Literal:
        return typing.get_args(kind), optional
    assert kind in (str, int, float, bool, Path), f"a command cannot take {annotation}"
    return kind, optional


def _split(word: str, known: dict[str, Flag]) -> tuple[Flag, str | None]:
    """("--image-size=64") -> (its flag, "64"); the text is None when it has to be the next word."""
    label, equals, value = word.partition("=")
    name = label.lstrip("-").replace("-", "_")
    if not label.startswith("--") or name not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f", did you mean {known[close[0]].word}?" if close else ""
        raise UsageError(f"unknown flag {label}{hint}")
    return known[name], value if equals else None


def _place(loose: list[tuple[str, Flag | None]], flags: list[Flag], given: dict[str, str]) -> None:
    """Gives the words without a flag to the positional parameters that are still open, in order."""
    open_places = [flag for flag in flags if flag.positional and flag.name not in given]
    for k, (word, switch) in enumerate(loose):
        if k < len(open_places):
            given[open_places[k].name] = word
        elif switch is not None:
            raise UsageError(f"{switch.word} is true or false, not {word!r}")
        else:
            places = ", ".join(flag.label for flag in flags if flag.positional)
            rule = f"everything but {places} is given as a flag" if places else "this command takes flags only"
            raise UsageError(f"unexpected argument {word!r}: {rule}")


def _refuse(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)
