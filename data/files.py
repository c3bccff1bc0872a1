"""Files that are either complete or absent: written beside their place, synced, then renamed.

A temporary file is called `.tmp-<host>-<pid>-<final name>`: hidden, with the final suffix, and its writer can be looked
up, so that the remains of a killed writer can be told from the work of a live one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

HOST = re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname()) or "host"


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Gives a temporary sibling of `path` to write to; leaving the block without an error puts it in its place.

    The parent folder is made. On an error the temporary file is removed and `path` is as it was before.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{HOST}-{os.getpid()}-{path.name}")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def check_file_place(path: str | Path, flag: str = "--out") -> None:
    """ValueError naming the flag when no file can be written to `path`; commands call it before any work."""
    if Path(path).is_dir():
        raise ValueError(f"{flag} {path} is a folder: give the name of a file in it")
    _check_writable(Path(path).absolute().parent, f"{flag} {path}")


def check_folder_place(path: str | Path, flag: str = "--out") -> None:
    """ValueError naming the flag when no files can be written into a folder `path`, there or still to be made."""
    if Path(path).exists() and not Path(path).is_dir():
        raise ValueError(f"{flag} {path} is a file: give the name of a folder")
    _check_writable(Path(path).absolute(), f"{flag} {path}")


def check_not_among(outputs: Iterable[Path], inputs: Iterable[Path], flag: str = "--out") -> None:
    """ValueError naming the flag when an output would take the place of an input, by whatever name or link."""
    kept = {_identity(path) for path in inputs}
    for output in outputs:
        # x/../a.png exists only once x is made for it
        names = {output, Path(os.path.normpath(output.absolute()))}
        if any(name.exists() and _identity(name) in kept for name in names):
            raise ValueError(f"{flag} {output} is one of the files to read: give another name, so that it is kept")


def sweep_temporaries(folder: str | Path) -> None:
    """Removes what writers of this host that are no longer alive left in `folder`."""
    pattern = re.compile(rf"\.tmp-{re.escape(HOST)}-(\d+)-")
    for path in Path(folder).glob(".tmp-*"):
        match = pattern.match(path.name)
        if match and not alive(int(match[1])):
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Waits until the file's bytes, or the folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: str | Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_json(path: str | Path, content: Any) -> None:
    """Writes `content` (dicts, lists, numbers, numpy, paths) as indented JSON; NaN and infinity become null."""
    text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """The content of a JSON file; FileNotFoundError or ValueError with the reason otherwise."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist or is not a file: give the path of a JSON file")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a JSON file ({error}): make it again or give another one") from error


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def _identity(path: Path) -> tuple[int, int] | None:
    """The same for all names and links of one file; None when it is not there."""
    return (path.stat().st_dev, path.stat().st_ino) if path.exists() else None


def _check_writable(folder: Path, what: str) -> None:
    """`folder`, or the nearest one above that is there, has to take new files."""
    while not folder.exists() and not folder.is_symlink():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{what} cannot be written: {folder} is not a folder that you may write to, give another")


def alive(pid: int) -> bool:
    """Whether a process of this number runs on this host."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
