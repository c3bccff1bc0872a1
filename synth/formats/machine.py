"""Reads a pickle as plain data, by a machine of its own: no class is looked up, no code of the file's choice runs.

A pickle is a program for a stack machine. Python's own machine imports and calls whatever a file names; this one knows
some forty harmless opcodes, and of names only those of a table, each standing for a function of ours that notes its
arguments. Everything else is refused. What it builds takes memory in proportion to the file: lengths and memo numbers
are only numbers; keys that take long to hash and whole numbers that take long to print are refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
VALUES = {"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"}
VALUES |= {"BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
IGNORED = {"PROTO", "FRAME"}
STEPS = {"TUPLE", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ"}
STEPS |= {"BUILD", "BINPERSID"}  # each is a method of the machine


class Refused(Exception):
    """The file asks for something that no StyleGAN2 checkpoint needs; the text says what."""


@dataclass(frozen=True)
class Name:
    """What a file means by a name: `make` stands for the function or class; None if it is only ever passed on."""

    full: str
    make: Callable[..., Any] | None


class Restored:
    """An object whose pickled state is handed over after it is made."""

    def restore(self, state: Any) -> None:
        """Takes the state, or raises Refused."""
        raise NotImplementedError


def plain_key(key: Any) -> Any:
    """A key of a dict or set: text or a number. (Nested tuples can take longer to hash than anyone waits.)"""
    if not isinstance(key, str | int | float | None):
        raise Refused(f"it has a key of type {type(key).__name__}")
    return key


def read(stream: IO[bytes], names: Mapping[str, Callable[..., Any] | None], persistent: Callable[[Any], Any]) -> Any:
    """The object of the next pickle in `stream`, which is left right behind it.

    `names`: what may be named, as "module.name". `persistent`: what stands for a persistent id. Raises Refused, or
    nearly anything else for a damaged file.
    """
    return _Machine(names, persistent).run(stream)


class _Machine:
    """The stack and the memo of one pickle."""

    def __init__(self, names: Mapping[str, Callable[..., Any] | None], persistent: Callable[[Any], Any]):
        self.names, self.persistent = names, persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[Any, Any] = {}

    def run(self, stream: IO[bytes]) -> Any:
        for opcode, argument, _ in pickletools.genops(stream):
            name, stack = opcode.name, self.stack
            if name in VALUES:
                if isinstance(argument, int) and not -(2**63) <= argument < 2**64:
                    raise Refused("it has a whole number of more than 64 bits")
                stack.append(argument)
            elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
                self.memo[len(self.memo) if argument is None else argument] = stack[-1]
            elif name in ("BINGET", "LONG_BINGET"):
                stack.append(self.memo[argument])
            elif name in CONSTANTS:
                stack.append(CONSTANTS[name])
            elif name in EMPTY:
                stack.append(EMPTY[name]())
            elif name in TUPLES:
                stack.append(tuple(self._pop(TUPLES[name])))
            elif name == "MARK":
                self.marks.append(len(stack))
            elif name == "STOP":
                (result,) = stack
                return result
            elif name in STEPS:
                getattr(self, f"_{name.lower()}")(argument)
            elif name not in IGNORED:
                raise Refused(f"it has the pickle opcode {name}")
        raise EOFError("no end")  # genops ends with STOP or an error of its own

    def _pop(self, count: int) -> list[Any]:
        items = self.stack[len(self.stack) - count :] if count <= len(self.stack) else []
        if len(items) != count:
            raise IndexError("the stack is empty")
        del self.stack[len(self.stack) - count :]
        return items

    def _pop_marked(self) -> list[Any]:
        return self._pop(len(self.stack) - self.marks.pop())

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._pop_marked()))

    def _append(self, _: Any) -> None:
        self._extend(self._pop(1))

    def _appends(self, _: Any) -> None:
        self._extend(self._pop_marked())

    def _extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise Refused("it appends to something that is not a list")
        self.stack[-1].extend(items)

    def _setitem(self, _: Any) -> None:
        self._update(self._pop(2))

    def _setitems(self, _: Any) -> None:
        self._update(self._pop_marked())

    def _update(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not dict:
            raise Refused("it sets items of something that is not a dict")
        self.stack[-1].update(zip(map(plain_key, items[::2]), items[1::2], strict=True))

    def _additems(self, _: Any) -> None:
        items = self._pop_marked()
        if type(self.stack[-1]) is not set:
            raise Refused("it adds items to something that is not a set")
        self.stack[-1].update(map(plain_key, items))

    def _global(self, argument: str) -> None:
        self._name(*argument.split(" "))

    def _stack_global(self, _: Any) -> None:
        self._name(*self._pop(2))

    def _name(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if full not in self.names:
            raise Refused(f"it asks for {full}, which no StyleGAN2 checkpoint needs")
        self.stack.append(Name(full, self.names[full]))

    def _reduce(self, _: Any) -> None:
        callee, arguments = self._pop(2)
        if not isinstance(callee, Name) or callee.make is None or type(arguments) is not tuple:
            raise Refused("it calls something that is not a function")
        self.stack.append(callee.make(*arguments))

    _newobj = _reduce

    def _build(self, _: Any) -> None:
        (state,) = self._pop(1)
        made = self.stack[-1]
        if isinstance(made, Restored):
            made.restore(state)
        elif type(made) is not dict:  # attributes of a dict, such as a state dict's versions, are dropped
            raise Refused("it sets attributes of something that has none")

    def _binpersid(self, _: Any) -> None:
        self.stack.append(self.persistent(self._pop(1)[0]))
