"""Where a figure comes from: the command, the programs and versions it ran with, the sha256 of every network."""

from __future__ import annotations

import functools
import hashlib
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from data.files import sha256

ROOT = Path(__file__).parents[1]
PACKAGES_OF_OURS = ("data", "faces", "synth", "directions", "hairnet")
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


@functools.cache
def programs_sha256(*own: str) -> str:
    """The sha256 of all programs that pictures and their figures depend on: what was made by others is made anew.

    own: those of evaluation/, as patterns of paths below it; not all, so that a report's layout costs no gallery.
    """
    paths = [path for package in PACKAGES_OF_OURS for path in (ROOT / package).rglob("*.py")]
    for pattern in own:
        found = list((ROOT / "evaluation").glob(pattern))
        assert found, f"no program {pattern}"
        paths += found
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(ROOT).as_posix()} {sha256(path)}\n".encode())
    return digest.hexdigest()


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
