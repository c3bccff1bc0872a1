"""Vectors of W or Z as InterFaceGAN keeps them, `.npy` files of one row: `python -m directions.boundary yaw.npy`.

A direction in W gives shape (1, w_dim), one in Z shape (1, z_dim).

Written here, `edit.py` of InterFaceGAN goes along them; one from there gets a unit and a reach by
`python -m directions.fit runs/x/faces --attributes yaw --boundary pose_w.npy`. The format has neither: no generator, no
step, no intercept. Distances along the vector are in units of w or z.
"""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np

from data.command import run
from data.files import atomic_path, check_file_place
from directions.direction import Direction
from directions.edit import load_named
from synth import load_generator

LARGEST = 1 << 20  # bytes: a file of one vector is far smaller
SPACES = ("W", "Z")  # whose vectors the format holds: it moves all layers alike


def main(out: Path, *, attribute: str = "yaw", directions: str = "builtin", generator: str = "builtin") -> None:
    """Writes the edit vector of a direction as InterFaceGAN's tools read it.

    Args:
        out: file to write, .npy
        attribute: name of the direction
        directions: "builtin" or a folder that directions.fit has written
        generator: "builtin" or the checkpoint that the direction belongs to
    """
    if out.suffix != ".npy":
        raise ValueError(f"OUT {out} is not a name for this format: end it in .npy")
    check_file_place(out, "OUT")
    direction = load_named(attribute, directions, load_generator(generator))
    write_boundary(direction, out)
    print(f"one unit along it changes {attribute} by {direction.step:.3g} {direction.unit}")


def write_boundary(direction: Direction, path: Path) -> None:
    """(1, w_dim), in Z (1, z_dim), float32 of unit length; ValueError for a space that InterFaceGAN does not know."""
    if direction.space not in SPACES:
        raise ValueError(
            f"the direction of {direction.attribute} lies in {direction.space}, but the format is of Z or W: "
            "fit one in either of them, with `python -m directions.fit --space W` or `--space Z`"
        )
    write_vector(direction.vector, path)


def write_vector(vector: np.ndarray, path: Path) -> None:
    """(d,) as (1, d) float32."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, vector[None].astype(np.float32))


def read_boundary(path: Path, width: int) -> np.ndarray:
    """(width,) float64 of unit length from a .npy file; ValueError for anything but one finite vector of this width.

    `width`: w_dim for a vector of W, z_dim for one of Z.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: give the path of a .npy file")
    refused = f"{path} is not a boundary: it takes a .npy file with {width} numbers, shape (1, {width})"
    try:
        with open(path, "rb") as file:
            vector = read_npy(file.read(LARGEST + 1), LARGEST)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(refused) from error
    if vector.shape not in ((1, width), (width,)):
        raise ValueError(refused)
    vector = vector.reshape(width).astype(np.float64)
    length = np.linalg.norm(vector)
    if not np.isfinite(length) or length == 0:
        raise ValueError(refused)
    return vector / length


def read_npy(content: bytes, largest: int) -> np.ndarray:
    """The floating-point numbers of a .npy file; ValueError before anything larger than `largest` bytes is made."""
    if len(content) > largest:
        raise ValueError(f"more than {largest:,} bytes")
    file = io.BytesIO(content)
    header = np.lib.format.read_array_header_2_0
    if np.lib.format.read_magic(file) == (1, 0):
        header = np.lib.format.read_array_header_1_0
    shape, _, dtype = header(file)
    if dtype.kind != "f" or math.prod(shape) * dtype.itemsize > largest:
        raise ValueError(f"it says that it holds other things than numbers, or more than {largest:,} bytes")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


if __name__ == "__main__":
    run(main)
