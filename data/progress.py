"""Progress bars of commands: a bar at a terminal; elsewhere, in a log file say, a line from time to time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

SECONDS = 10  # between two lines of a log, and before the first: short work says nothing


class Progress(tqdm):
    """tqdm, but with whole lines every SECONDS where standard error is no terminal."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        if not sys.stderr.isatty():
            settings |= {"mininterval": SECONDS, "miniters": 1, "delay": SECONDS}
        super().__init__(*args, **settings)

    @staticmethod
    def status_printer(file: Any) -> Callable[[str], None]:
        """What tqdm shows its bar with."""
        if file.isatty():
            return tqdm.status_printer(file)

        def line(text: str) -> None:
            if text:
                file.write(f"{text}\n")
                file.flush()

        return line
