"""Shards: HDF5 files of faces, and the smaller files of the same making beside them.

`shard-00017.h5` owns seeds [17 S, 18 S) of a run with shard size S and holds, one row per seed in rising order,
    seed   (N,) int64
    w      (N, w_dim) float32           mapping(z) truncated by psi
    image  (N, H, W, 3) uint8 RGB       one image per chunk, not compressed
Its attributes: generator_sha256, psi, noise, image_size, shard_size, micro_batch, dtype, command, and the versions.
What is measured on a shard lies beside it in `shard-00017.attributes.h5`, columns (N,) float32.

A file is written under a temporary name, synced, read back against its sha256 and renamed: its final name means that it
is complete. The same rows give the same bytes. Files from elsewhere are read without following links to other files.

Text attributes have a fixed length: so they lie among the metadata that HDF5 checks by checksums (beyond 4 KB, as a
command of very scattered seeds, in a plain block). Those of variable length lie in a heap without checksums, where a
single flipped bit can make HDF5 search for ever; they are never read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from data.files import atomic_path, sweep_temporaries, sync

Array = np.ndarray | tuple[tuple[int, ...], Any, Iterable[np.ndarray]]  # whole, or (shape, dtype, batches of rows)
CHUNK_BYTES = 1 << 18  # of everything but images: a latent's automatic chunk would hold a part of several rows
OPEN_FILES = 16
MAX_SHARD_SIZE = 1_000_000  # seeds
SAME = (
    "generator_sha256",
    "psi",
    "noise",
    "label",
    "dtype",
    "image_size",
    "shard_size",
)  # what all shards of a folder agree on


class _Refused(ValueError):
    """What is read is not of this toolkit; the text says which file and why."""


def shard_path(folder: str | Path, index: int) -> Path:
    """folder/shard-00017.h5"""
    return Path(folder) / f"shard-{index:05d}.h5"


def shard_paths(folder: str | Path) -> list[Path]:
    """The complete shards of a folder in their order; none when there is no such folder."""
    found = [path for path in Path(folder).glob("shard-*.h5") if re.fullmatch(r"shard-\d{5,}\.h5", path.name)]
    return sorted(found, key=shard_index)


def shard_index(path: Path) -> int:
    """shard-00017.h5 -> 17"""
    return int(path.stem.removeprefix("shard-"))


def attributes_path(shard: str | Path) -> Path:
    """shard-00017.h5 -> shard-00017.attributes.h5"""
    return Path(shard).with_suffix(".attributes.h5")


def write_arrays(path: str | Path, arrays: dict[str, Array], attrs: dict[str, Any]) -> None:
    """Writes named arrays and attributes (str, int, float, bool) as one file, complete or not at all.

    An array too large for memory is given as (shape, dtype, iterable of row batches). (N, H, W, C) arrays get one-row
    chunks. After the write the file is read back and compared with the sha256 of what was handed in.
    """
    path = Path(path)
    with atomic_path(path) as temporary:
        sweep_temporaries(path.parent)
        # A fixed range of file versions, no time stamps and sorted names: the bytes depend on the content alone.
        with h5py.File(temporary, "w", libver=("v110", "v110")) as file:
            for name in sorted(attrs):
                _write_attribute(file, name, attrs[name])
            digests = {name: _write(file, name, array) for name, array in sorted(arrays.items())}
        sync(temporary)
        try:
            changed = altered(temporary, digests)
        except ValueError:  # not even readable
            changed = list(digests)
        if changed:
            raise OSError(f"{path} did not read back as it was written: check the disk, then run the command again")


def read_arrays(path: str | Path, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """The named arrays of a file (None: all of them), whole; ValueError for a damaged one or one of other programs."""
    with _reading(path), _open(path) as file:
        wanted = list(file.keys()) if names is None else list(names)
        return {name: _dataset(file, name, path)[()] for name in wanted}


def read_attrs(path: str | Path) -> dict[str, Any]:
    """The attributes of a file as Python values; ValueError as in `read_arrays`."""
    with _reading(path), _open(path) as file:
        return _attributes(file, path)


class Shards:
    """The complete shards of a folder as one table of faces, read lazily; may be handed to forked or spawned workers.

    Attributes: `paths` in order, `attrs` of the first shard (the others agree on SAME), `starts` first row of each.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"{folder} is not a folder: give one that `python -m synth.sample` has written")
        self.paths = shard_paths(folder)
        if not self.paths:
            raise ValueError(f"{folder} has no shards (shard-00000.h5): run `python -m synth.sample --out {folder}`")
        self.attrs: dict[str, Any] = {}
        self._image_shape: tuple[int, ...] = ()
        counts = []
        for path in self.paths:
            with _reading(path), _open(path) as file:
                shape = _check_shard(file, path)
                attrs = _attributes(file, path)
            self.attrs = self.attrs or attrs
            check_same(attrs, self.attrs, path)
            counts.append(shape[0])
            self._image_shape = self._image_shape or shape[1:]
            if shape[1:] != self._image_shape:
                raise ValueError(f"{path} has images of another size than {self.paths[0]}: delete it")
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        self._images: OrderedDict[int, h5py.Dataset] = OrderedDict()
        self._pid = os.getpid()

    def __len__(self) -> int:
        return int(self.starts[-1])

    @cached_property
    def seeds(self) -> np.ndarray:
        """(N,) int64"""
        return np.concatenate([read_arrays(path, ["seed"])["seed"] for path in self.paths])

    @cached_property
    def w(self) -> np.ndarray:
        """(N, w_dim) float32"""
        return np.concatenate([read_arrays(path, ["w"])["w"] for path in self.paths])

    def images(self, rows: Any) -> np.ndarray:
        """(N, H, W, 3) uint8 of global row numbers, in their order."""
        rows = np.asarray(rows, dtype=np.int64)
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise ValueError(f"rows {rows.min()} to {rows.max()} are not all in {self.folder}: it has {len(self)}")
        shards = (np.searchsorted(self.starts, rows, side="right") - 1).tolist()
        images = np.empty((len(rows), *self._image_shape), np.uint8)
        for k, places in groupby(sorted(range(len(rows)), key=shards.__getitem__), key=shards.__getitem__):
            with _reading(self.paths[k]):
                dataset, first = self._image(k).id, int(self.starts[k])
                for place in places:
                    # A chunk is an image as it is: to read it straight into its place is twice as fast as selections.
                    dataset.read_direct_chunk((int(rows[place]) - first, 0, 0, 0), out=images[place].reshape(-1))
        return images

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(rows (B,) int64, images (B, H, W, 3) uint8) over all faces in order, `size` at a time."""
        for first in range(0, len(self), size):
            rows = np.arange(first, min(first + size, len(self)))
            yield rows, self.images(rows)

    def attributes(self, name: str) -> np.ndarray:
        """(N,) float32, one measured column of all faces, NaN where it could not be measured."""
        columns = []
        for k, shard in enumerate(self.paths):
            path = attributes_path(shard)
            remedy = f"run `python -m directions.measure {self.folder}`"
            if not path.is_file():
                raise ValueError(f"{path} is missing: {remedy}")
            with _reading(path), _open(path) as file:
                if name not in file:
                    raise _Refused(f"{path} has no column {name!r} ({', '.join(sorted(file))}): {remedy}")
                column = _dataset(file, name, path)[()].astype(np.float32)
            if column.shape != (self.starts[k + 1] - self.starts[k],):
                raise ValueError(f"{path} has another number of rows than its shard: delete it and {remedy}")
            columns.append(column)
        return np.concatenate(columns)

    def _image(self, k: int) -> h5py.Dataset:
        """The images of shard k, opened by this very process: HDF5 handles must not cross a fork."""
        if self._pid != os.getpid():
            self._images, self._pid = OrderedDict(), os.getpid()
        if k not in self._images:
            while len(self._images) >= OPEN_FILES:
                self._images.popitem(last=False)[1].file.close()
            self._images[k] = _open(self.paths[k])["image"]
        self._images.move_to_end(k)
        return self._images[k]

    def __getstate__(self) -> dict[str, Any]:
        left = {name: value for name, value in self.__dict__.items() if name not in ("seeds", "w")}  # large, read again
        return {**left, "_images": OrderedDict()}


def check_same(attrs: dict[str, Any], others: dict[str, Any], path: Path) -> None:
    """ValueError naming the attribute when the shard at `path` was made otherwise than the others of its folder."""
    for name in SAME:
        if attrs.get(name) != others.get(name):
            here, there = attrs.get(name), others.get(name)
            raise ValueError(f"{path} was made with {name} {here}, not {there}: delete it or use another folder")


def _write(file: h5py.File, name: str, array: Array) -> str:
    """Writes one dataset; returns the sha256 of its values in row order, which it also gets as an attribute."""
    shape, dtype, batches = (array.shape, array.dtype, [array]) if isinstance(array, np.ndarray) else array
    dtype = np.dtype(dtype)
    dataset = file.create_dataset(name, shape, dtype, chunks=_chunks(shape, dtype))
    digest, row = hashlib.sha256(), 0
    for batch in batches:
        batch = np.ascontiguousarray(batch, dtype)
        assert batch.shape[1:] == tuple(shape[1:]), f"{name}: rows of {batch.shape[1:]}, not {shape[1:]}"
        if len(shape) == 4:  # a chunk is an image as it is: 1.5 times as fast as HDF5's selections
            for k, image in enumerate(batch):
                dataset.id.write_direct_chunk((row + k, 0, 0, 0), image)
        else:
            dataset[row : row + len(batch)] = batch
        digest.update(batch.data)
        row += len(batch)
    assert row == shape[0], f"{name}: {row} rows, not {shape[0]}"
    _write_attribute(dataset, "sha256", digest.hexdigest())
    return digest.hexdigest()


def _write_attribute(place: h5py.File | h5py.Dataset, name: str, value: Any) -> None:
    if isinstance(value, str):
        raw = value.encode(errors="surrogateescape")  # names of files may be anything
        place.attrs.create(name, raw, dtype=h5py.string_dtype("utf-8", max(1, len(raw))))  # HDF5 has no length 0
    else:
        place.attrs[name] = value


def _chunks(shape: tuple[int, ...], dtype: np.dtype) -> tuple[int, ...] | None:
    if shape[0] == 0:
        return None
    row = max(1, int(np.prod(shape[1:])) * dtype.itemsize)
    rows = 1 if len(shape) == 4 else max(1, min(shape[0], CHUNK_BYTES // row))
    return (rows, *shape[1:])


def altered(path: str | Path, digests: dict[str, str] | None = None) -> list[str]:
    """The names of the arrays of a file whose values are not those of `digests` (None: of their own sha256)."""
    changed = []
    with _reading(path), _open(path) as file:
        for name in digests if digests is not None else file:
            dataset = _dataset(file, name, path)
            digest = hashlib.sha256()
            step = max(1, (1 << 24) // max(1, dataset.nbytes // max(1, len(dataset))))
            for row in range(0, len(dataset), step):
                digest.update(np.ascontiguousarray(dataset[row : row + step]).data)
            expected = _attribute(dataset, "sha256", path) if digests is None else digests[name]
            if digest.hexdigest() != expected:
                changed.append(name)
    return changed


@contextlib.contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    """Around everything that h5py reads of a file: damaged bytes make it raise nearly anything, users see one error."""
    try:
        yield
    except (_Refused, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno:  # the system's: the file may be as it was written
            raise
        raise ValueError(f"{path} is damaged: delete it and run its command again") from error


def _open(path: str | Path) -> h5py.File:
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist or is not a file: give the path of an HDF5 file")
    return h5py.File(path, "r")


def _dataset(file: h5py.File, name: str, path: str | Path) -> h5py.Dataset:
    """A plain array that lies in this very file and is all there; ValueError with the reason for anything else."""
    reason = None
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        reason = "is missing" if name not in file.keys() else "is a link to another place"
    elif not isinstance(dataset := file[name], h5py.Dataset):
        reason = "is not an array"
    elif dataset.is_virtual or dataset.external:
        reason = "lies in another file"
    elif dataset.dtype.kind not in "iufb":
        reason = f"holds {dataset.dtype}, not numbers"
    elif dataset.compression or dataset.id.get_storage_size() < dataset.nbytes:
        reason = "is compressed or not all there"
    if reason is not None:
        raise _Refused(f"{path}: {name!r} {reason}: it is not a file of this toolkit, or it is damaged")
    return dataset


def _attributes(file: h5py.File, path: str | Path) -> dict[str, Any]:
    return {name: _attribute(file, name, path) for name in file.attrs}


def _attribute(place: h5py.File | h5py.Dataset, name: str, path: str | Path) -> Any:
    """An attribute as a Python value; one of another type than `write_arrays` writes is refused before it is read."""
    found = place.attrs.get_id(name)
    if found.shape != () or found.dtype.kind not in "iufbS":
        raise _Refused(f"{path} was written by an earlier version or another program ({name!r}): make it again")
    value = place.attrs[name].item()
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else value


def _check_shard(file: h5py.File, path: Path) -> tuple[int, ...]:
    """The shape of the images of a shard whose arrays have the right types, shapes and chunks."""
    seed, w, image = (_dataset(file, name, path) for name in ("seed", "w", "image"))
    found = [(array.dtype, array.ndim) for array in (seed, w, image)]
    if found != [(np.int64, 1), (np.float32, 2), (np.uint8, 4)] or image.shape[3] != 3:
        raise _Refused(f"{path}: seed, w or image has another type or shape than a shard's: it is not a shard")
    if not len(seed) == len(w) == len(image) or image.chunks != (1, *image.shape[1:]):
        raise _Refused(f"{path}: seed, w and image do not have one row and one chunk per face: it is not a shard")
    return image.shape
