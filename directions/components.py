"""Components of W without any attribute, as GANSpace finds them: `python -m directions.components runs/x/faces c.npz`.

Principal components of sampled w, with the standard deviation of each. The file has GANSpace's names (`lat_comp`
(K, 1, w_dim) unit vectors, `lat_mean` (1, w_dim), `lat_stdev` (K)), so its notebooks read it; those from there become
directions by

    python -m directions.components runs/x/faces theirs.npz --take 3 --out third.npy
    python -m directions.fit runs/x/faces --attributes yaw --boundary third.npy

which gives one the unit, the curve and the leakage of an attribute that it is thought to change.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.command import run
from data.files import atomic_path, check_file_place
from data.shards import Shards
from directions.boundary import read_npy, write_vector

LARGEST = 1 << 28  # bytes of an array in such a file
NAMES = ("lat_comp", "lat_mean", "lat_stdev")
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    ValueError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True, eq=False)
class Components:
    """`vectors` (K, d) unit length, orthogonal; `mean` (d,); `sd` (K,) along each, falling."""

    vectors: np.ndarray
    mean: np.ndarray
    sd: np.ndarray


def main(faces: Path, file: Path, *, count: int = 64, take: int | None = None, out: Path | None = None) -> None:
    """Writes the principal components of sampled faces, or takes one vector out of such a file.

    Args:
        faces: folder of shards that synth.sample has written
        file: .npz file in GANSpace's form, to write; with --take to read
        count: how many components
        take: number of the component to take out, from 0, with the sign as it is
        out: with --take, the .npy file to write, which directions.fit takes as --boundary
    """
    if file.suffix != ".npz":
        raise ValueError(f"FILE {file} is not a name for this format: end it in .npz")
    w = Shards(faces).w
    if take is None:
        if out is not None:
            raise ValueError("--out is for the vector that --take takes out of FILE: give both or neither")
        if not 1 <= count <= (most := min(w.shape[1], len(w) - 1)):
            raise ValueError(f"--count is {count}, but {len(w):,} faces of {w.shape[1]} numbers have {most} components")
        check_file_place(file, "FILE")
        found = principal(w, count)
        write_components(found, file)
        share = (found.sd**2).sum() / w.astype(np.float64).var(axis=0, ddof=1).sum()
        print(f"{count} components hold {share:.1%} of the variance of {len(w):,} faces")
        return
    if out is None or out.suffix != ".npy":
        raise ValueError("--take writes one vector: give --out with a name that ends in .npy")
    check_file_place(out)
    found = read_components(file, w.shape[1])
    if not 0 <= take < len(found.vectors):
        raise ValueError(f"--take is {take}, but {file} has the components 0 to {len(found.vectors) - 1}")
    write_vector(found.vectors[take], out)
    print(f"component {take}: one SD is {found.sd[take]:.3g} of its length")


def principal(w: np.ndarray, count: int) -> Components:
    """The `count` largest principal components of (N, d) samples; the largest number of each vector is positive."""
    mean = w.mean(axis=0, dtype=np.float64)
    values, axes = np.linalg.eigh(np.cov(w.T.astype(np.float64)))
    vectors = axes[:, ::-1][:, :count].T
    signs = np.sign(vectors[np.arange(count), np.abs(vectors).argmax(axis=1)])
    return Components(vectors * signs[:, None], mean, np.sqrt(np.maximum(values[::-1][:count], 0)))


def write_components(found: Components, path: Path) -> None:
    """A .npz file in GANSpace's form."""
    vectors, mean, sd = (array.astype(np.float32) for array in (found.vectors[:, None], found.mean[None], found.sd))
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, lat_comp=vectors, lat_mean=mean, lat_stdev=sd)


def read_components(path: Path, w_dim: int) -> Components:
    """From a file in GANSpace's form; nothing in it is unpickled. ValueError for anything else."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: give the path of a .npz file")
    refused = f"{path} holds no components: it takes a .npz file with lat_comp (K, 1, {w_dim}), lat_mean and lat_stdev"
    try:
        with zipfile.ZipFile(path) as archive:
            read = [_array(archive, f"{name}.npy") for name in NAMES]
    except UNREADABLE as error:
        raise ValueError(refused) from error
    if read[0].ndim not in (2, 3):
        raise ValueError(refused)
    vectors, mean, sd = read[0].reshape(len(read[0]), -1).astype(np.float64), read[1].reshape(-1), read[2].reshape(-1)
    lengths = np.linalg.norm(vectors, axis=1)
    sound = vectors.shape[1] == w_dim == len(mean) and len(sd) == len(vectors) > 0
    if not sound or not np.isfinite(lengths).all() or not lengths.all() or not (sd >= 0).all():
        raise ValueError(refused)
    return Components(vectors / lengths[:, None], mean.astype(np.float64), sd.astype(np.float64))


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array of an archive; ValueError before anything larger than LARGEST is made or read."""
    if archive.getinfo(name).file_size > LARGEST:
        raise ValueError(f"{name} is too large")
    return read_npy(archive.read(name), LARGEST)


if __name__ == "__main__":
    run(main)
