"""The one place on disk where the page puts photos and results: private, short-lived, gone with the process.

A browser's upload and its download are files, so a page cannot do without. They lie in a temporary folder that only
this user can read. Results are deleted when their guest closes the page, everything at the latest MINUTES after its
last use (standing in the queue is one), and all of it when the process ends. What a killed process left behind goes at
the next start.

Uploads wait for their time even when their guest has gone: equal uploads of two guests are one file (Gradio names them
by their content), and the other guest may still stand in the queue.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from data.files import alive

MINUTES = 15
PREFIX = "hairnet-page-"


class Folder:
    """Files of guests; `path` is the folder."""

    def __init__(self, parent: Path | None = None, minutes: float = MINUTES) -> None:
        parent = Path(parent or tempfile.gettempdir())
        remove_left_behind(parent)
        self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent)).resolve()  # mode 700
        self.minutes = minutes
        self.waiting: Callable[[], Iterable[Path]] = tuple  # files of guests in the queue: the page knows
        self._results: dict[str, set[Path]] = {}  # by guest
        self._used: dict[Path, float] = {}  # when, in seconds
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def new(self, name: str) -> Path:
        """A place for a file of this name, in a folder that nobody can guess."""
        place = self.path / secrets.token_hex(16)
        place.mkdir()
        return place / re.sub(r"[^\w.-]+", "-", name)[-100:]

    def use(self, paths: Iterable[Path]) -> None:
        """Notes that these files have just been used, which lets them stay longer."""
        with self._lock:
            self._used |= {path: time.time() for path in map(Path, paths) if self.path in path.parents}

    def give(self, guest: str | None, paths: Iterable[Path]) -> None:
        """Results, from `new`, of a guest (None: one without a browser)."""
        self.use(paths)
        with self._lock:
            self._results.setdefault(guest or "", set()).update(paths)

    def leave(self, guest: str | None) -> None:
        """Deletes the results of a guest who has gone."""
        with self._lock:
            for path in self._results.pop(guest or "", set()):
                remove(path)

    def sweep(self) -> None:
        """Deletes what nobody has used for `minutes`; to wait in the queue with a file is to use it."""
        self.use(self.waiting())
        oldest = time.time() - 60 * self.minutes
        with self._lock:
            for path in list(self.path.rglob("*")):
                try:
                    if path.is_file() and max(path.stat().st_mtime, self._used.get(path, 0)) < oldest:
                        remove(path)
                except OSError:  # it has just gone
                    continue
            self._used = {path: when for path, when in self._used.items() if when >= oldest}
            self._results = {guest: there for guest, files in self._results.items() if (there := existing(files))}

    def keep_sweeping(self, seconds: float = 30) -> None:
        """Sweeps now and then, in a thread of its own, until the folder is closed."""

        def loop() -> None:
            while not self._closed.wait(seconds):
                self.sweep()

        threading.Thread(target=loop, daemon=True, name="sweeper").start()

    def close(self) -> None:
        """Deletes everything."""
        self._closed.set()
        shutil.rmtree(self.path, ignore_errors=True)


def remove_left_behind(parent: Path) -> None:
    """Removes folders of processes that ended without a chance to do so."""
    for path in parent.glob(f"{PREFIX}*"):
        owner = re.match(rf"{PREFIX}(\d+)-", path.name)
        if owner and path.is_dir() and not path.is_symlink() and not alive(int(owner[1])):
            shutil.rmtree(path, ignore_errors=True)


def remove(path: Path) -> None:
    """Deletes a file, and its folder with the last one in it."""
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        path.parent.rmdir()


def existing(paths: set[Path]) -> set[Path]:
    return {path for path in paths if path.exists()}
