"""Attributes of one's own: a Python file with a function `measure(crops)` and a text UNIT. Its name is the attribute's.

    # beard.py
    import numpy as np
    UNIT = "% of chin"
    DEFINITION = "lower face that is darker than the cheeks"
    def measure(crops):                        # directions.crops.Crops of N pictures
        return np.zeros(len(crops.images))     # (N,) numbers, NaN where it cannot be measured

`--own beard.py` then stands wherever faces are measured: directions.measure, fit, compare, edit, pairs. The file is run
as it is, so give only files you trust; its sha256 is kept with what it has measured.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from data.files import sha256
from directions.attributes import MEASURED, Attribute

_SHIPPED = frozenset(MEASURED)


def register(files: str) -> dict[str, str]:
    """Adds the attributes of files with commas between them to those that are measured; {name: sha256}."""
    found = {}
    for path in (Path(part.strip()) for part in files.split(",") if part.strip()):
        name, attribute = read_attribute(path)
        MEASURED[name] = attribute
        found[name] = sha256(path)
    return found


def read_attribute(path: Path) -> tuple[str, Attribute]:
    """(name, attribute) of a file; ValueError with the rule that it breaks."""
    if not path.is_file():
        raise FileNotFoundError(f"--own {path} does not exist: give the path of a Python file")
    name = path.stem
    if path.suffix != ".py" or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"--own {path} has to be called as its attribute, in small letters: beard.py")
    if name in _SHIPPED or name in ("seed", "report"):
        raise ValueError(f"--own {path} has the name of what is measured already: give the file another name")
    try:
        content = runpy.run_path(str(path))
    except (Exception, SystemExit) as error:  # whatever the user's own code raises
        raise ValueError(f"--own {path} does not run ({type(error).__name__}: {error}): mend it") from error
    unit, function = content.get("UNIT"), content.get("measure")
    if not isinstance(unit, str) or not callable(function):
        raise ValueError(f"--own {path} has no text UNIT or no function measure(crops): see `directions/own.py`")
    return name, Attribute(unit, function, str(content.get("DEFINITION", "")))
