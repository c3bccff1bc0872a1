"""Where a figure comes from: the command, the versions it ran with, and the sha256 of every network behind it."""

from __future__ import annotations

import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from data.files import sha256

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "facenet-pytorch")


def provenance(weights: dict[str, Path | None]) -> dict[str, Any]:
    """The running command, versions, and file name and sha256 of each of `weights` (role -> file, None: not used)."""
    return {
        "command": command(),
        "versions": versions(),
        "weights": {
            role: {"file": path.name, "sha256": sha256(path)} for role, path in weights.items() if path is not None
        },
    }


def command() -> str:
    """The command line of this process, as one would type it."""
    words = [word for word in sys.orig_argv[1:] if word != "-u"]
    return shlex.join(["python", *words])


def versions() -> dict[str, str]:
    """Of this project, Python and the packages that figures depend on."""
    found = {"python": platform.python_version()}
    for name in ("hairnet", *PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # run from its folder, say
    return found
