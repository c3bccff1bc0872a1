"""Shards as a zip of pictures in the layout of NVIDIA's dataset_tool, which trainers of StyleGAN and its kin read.

Uncompressed entries 00000/img00000000.png, a thousand to a folder, and dataset.json with a class per picture or null.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from data.files import atomic_path
from data.progress import Progress
from data.shards import Shards

BATCH = 64


def export_zip(folder: str | Path, path: str | Path) -> None:
    """Writes all faces of a folder, in the order of their seeds; the same shards give the same bytes."""
    shards = Shards(folder)
    side, path = shards.images([0]).shape[1], Path(path)
    if side & (side - 1):
        raise ValueError(f"{folder} has images of {side} px, but this layout takes powers of two: sample such a size")
    label = shards.attrs.get("label")
    names = [f"{row // 1000:05d}/img{row:08d}.png" for row in range(len(shards))]
    labels = None if label is None else [[name, label] for name in names]
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, png in zip(Progress(names, unit="images"), _pngs(shards), strict=True):
            archive.writestr(zipfile.ZipInfo(name), png)
        archive.writestr(zipfile.ZipInfo("dataset.json"), json.dumps({"labels": labels}))


def _pngs(shards: Shards) -> Iterator[bytes]:
    """Every face as an uncompressed PNG."""
    for _, images in shards.batches(BATCH):
        for pixels in images:
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, format="png", compress_level=0, optimize=False)
            yield buffer.getvalue()
