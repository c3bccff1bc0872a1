"""The one place on disk where the page puts photos and results: private, short-lived, gone with the process.

A browser's upload and its download are files, so a page cannot do without. They lie in a temporary folder that only
this user can read, and are deleted when the guest who brought them closes the page, at the latest MINUTES after their
last use, and all of them when the process ends. What a killed process left behind goes at the next start.
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
PREFIX = "hairnet-page-"


class Folder:
    """Files of guests; `path` is the folder."""

    def __init__(self, parent: Path | None = None, minutes: float = MINUTES) -> None:
        parent = Path(parent or tempfile.gettempdir())
        remove_left_behind(parent)
        self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent)).resolve()  # mode 700
        self.minutes = minutes
        self._guests: dict[str, set[Path]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def new(self, name: str) -> Path:
        """A place for a file of this name, in a folder that nobody can guess."""
        place = self.path / secrets.token_hex(16)
        place.mkdir()
        return place / re.sub(r"[^\w.-]+", "-", name)[-100:]

    def use(self, guest: str | None, paths: Iterable[Path]) -> None:
        """Notes that a guest (None: one without a browser) has just used these files, which lets them stay longer."""
        now = time.time()
        with self._lock:
            for path in map(Path, paths):
                if self.path in path.parents and path.exists():
                    os.utime(path, (now, now))
                    if guest is not None:
                        self._guests.setdefault(guest, set()).add(path)

    def leave(self, guest: str | None) -> None:
        """Deletes the files of a guest that no other guest has used: equal photos of two guests are one file."""
        with self._lock:
            mine = self._guests.pop(guest or "", set())
            for path in mine - set().union(*self._guests.values()):
                path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Deletes what nobody has used for `minutes`, and folders that are empty since."""
        oldest = time.time() - 60 * self.minutes
        with self._lock:
            for path in sorted(self.path.rglob("*"), reverse=True):  # files before their folders
                try:
                    if path.stat().st_mtime < oldest:
                        path.rmdir() if path.is_dir() else path.unlink()
                except OSError:  # a folder in use, or a file that has just gone
                    continue
            for files in self._guests.values():
                files -= {path for path in files if not path.exists()}

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
