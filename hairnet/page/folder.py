"""The one place on disk where the page puts photos and results: private, short-lived, gone with the process.

A browser's upload and its download are files, so a page cannot do without. They lie in a temporary folder that only
this user can read, and are deleted when the guest who brought them closes the page, at the latest MINUTES after their
last use, and all of them when the process ends. What a killed process left behind goes at the next start.

Equal uploads of two guests are one file (Gradio names them by their content), and a guest in the queue has not used
theirs yet; so an upload outlives the guest who leaves by LINGER, counted from when anybody last uploaded it.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from data.files import alive

MINUTES = 15
LINGER = 5  # minutes
PREFIX = "hairnet-page-"


class Folder:
    """Files of guests; `path` is the folder."""

    def __init__(self, parent: Path | None = None, minutes: float = MINUTES) -> None:
        parent = Path(parent or tempfile.gettempdir())
        remove_left_behind(parent)
        self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent)).resolve()  # mode 700
        self.minutes = minutes
        self._guests: dict[str, set[Path]] = {}
        self._used: dict[Path, float] = {}  # when, in seconds
        self._left: set[Path] = set()  # uploads whose guests have gone
        self._ours: set[Path] = set()  # folders of results, which are one guest's alone
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def new(self, name: str) -> Path:
        """A place for a file of this name, in a folder that nobody can guess."""
        place = self.path / secrets.token_hex(16)
        place.mkdir()
        with self._lock:
            self._ours.add(place)
        return place / re.sub(r"[^\w.-]+", "-", name)[-100:]

    def use(self, guest: str | None, paths: Iterable[Path]) -> None:
        """Notes that a guest (None: one without a browser) has just used these files, which lets them stay longer."""
        with self._lock:
            for path in map(Path, paths):
                if self.path in path.parents and path.exists():
                    self._used[path] = time.time()
                    self._left.discard(path)
                    if guest is not None:
                        self._guests.setdefault(guest, set()).add(path)

    def leave(self, guest: str | None) -> None:
        """Deletes the files of a guest that no other guest has used: results now, uploads when they have lingered."""
        with self._lock:
            mine = self._guests.pop(guest or "", set())
            self._left |= mine - set().union(*self._guests.values())
        self.sweep()

    def sweep(self) -> None:
        """Deletes what guests have left and what nobody has used for `minutes`."""
        now = time.time()
        with self._lock:
            for path in [path for path in sorted(self.path.rglob("*")) if path.is_file()]:
                try:
                    uploaded = path.stat().st_mtime
                    gone = path in self._left and (path.parent in self._ours or now - uploaded > 60 * LINGER)
                    if gone or now - max(uploaded, self._used.get(path, 0)) > 60 * self.minutes:
                        path.unlink()
                        path.parent.rmdir()
                except OSError:  # a file that has just gone, or a folder with others in it
                    continue
            there = {path for path in self._used if path.exists()}
            self._used = {path: when for path, when in self._used.items() if path in there}
            self._left &= there
            self._ours = {place for place in self._ours if place.exists()}
            self._guests = {name: files & there for name, files in self._guests.items()}

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
