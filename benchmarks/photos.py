"""Transfer on photos in the wild: does every photo go through, is the person still the same, what does it look like?

    python -m benchmarks.photos                                  # the photos of shared/material, three donors each
    python -m benchmarks.photos --faces folder --donors a.jpg,b.jpg --identity w600k.onnx

Every photo gets the hair of every donor. Counted: finished transfers, refusals (one sentence each) and faults (anything
else; there must be none). Identity: cosine between the embeddings of the photo's face and of the same face found again
in the finished photo, by an ArcFace network that nothing here was trained on; once as `hairnet.transfer` writes it and
once with `--blend none`, where the network's own picture stands for the face. Sheets: one row per photo, the photo
first, then each donor's hair on it; look at them, a figure does not see a bald patch.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from data.command import run
from data.files import write_json
from data.images import read_image, sheet, to_tensor, write_image
from data.photos import photos_of
from data.progress import Progress
from faces.align import align_at, crop_quad
from faces.detect import chosen, detect
from faces.onnx import OnnxNetwork
from faces.parsing import load_parser
from faces.reading import arcface_quad, reading_of
from hairnet.model import HairNet, Portrait, load_network
from hairnet.photo.canvas import scaled

MATERIAL = Path(__file__).resolve().parents[2] / "shared/material"
FACES = f"{MATERIAL / 'photos'},{MATERIAL / 'aligned'}"
WIGS = ("photos/stablehair-ref-2.jpg", "photos/stablehair-id-1.jpg", "aligned/celebahq-28083.jpg")  # pink, curls, long
DONORS = ",".join(str(MATERIAL / name) for name in WIGS)
CELL, ROWS = 300, 8  # px and photos of a sheet


@dataclass
class Tally:
    """What happened to all pairs."""

    finished: int = 0
    refused: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    blended: list[float] = field(default_factory=list)  # cosines
    generated: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, object]:
        return {
            "finished": self.finished,
            "refused": len(self.refused),
            "faults": len(self.faults),
            "seconds per transfer, median": round(float(np.median(self.seconds)), 2) if self.seconds else None,
            "identity with blending, median cosine": middle(self.blended),
            "identity with blending, 10th percentile": middle(self.blended, 10),
            "identity without blending, median cosine": middle(self.generated),
        }


def middle(values: list[float], percent: float = 50) -> float | None:
    return round(float(np.percentile(values, percent)), 3) if values else None


class Identity:
    """A face network that wants five points, fed as `faces.reading` knows it wants to be."""

    def __init__(self, path: Path) -> None:
        self.network = OnnxNetwork(path).eval()
        self.reading = reading_of(path, self.network.size, [node.kind for node in self.network.nodes])

    @torch.no_grad()
    def __call__(self, photo: Image.Image, points: np.ndarray) -> np.ndarray:
        """(D,) of unit length for the face of `photo` at `points` (5,2)."""
        crop = crop_quad(photo.convert("RGB"), arcface_quad(points), self.reading.size)
        vector = self.network(self.reading.numbers(to_tensor(np.array(crop)[None])))[0].numpy()
        return vector / np.linalg.norm(vector)


def found_again(photo: Image.Image, points: np.ndarray) -> np.ndarray:
    """Five points of the face of `photo` that lies where `points` (5,2) say; those themselves when none is found."""
    faces = detect(photo)
    x, y = (max(0, int(v)) for v in points.mean(0))
    try:
        return faces.points[chosen(faces, *photo.size, f"{x},{y}")]
    except ValueError:
        return points


def cell(pixels: np.ndarray, person: Portrait) -> np.ndarray:
    """A canvas (S,S,3) of the person on a sheet, white beyond the photo."""
    small = 255 + scaled(person.canvas.inside[..., None], CELL) * (scaled(pixels, CELL) - 255)
    return np.rint(small).clip(0, 255).astype(np.uint8)


def main(
    *,
    faces: str = FACES,
    donors: str = DONORS,
    network: str = "builtin",
    parser: str = "builtin",
    identity: Path = MATERIAL / "weights/MobileFaceNet.onnx",
    out: Path = Path("runs/benchmarks/photos"),
) -> None:
    """Puts the hair of every donor on every photo; prints counts, identity and time, writes sheets to look at.

    Args:
        faces: folders of photos, separated by commas
        donors: photos whose hair is worn, separated by commas
        network: "builtin" or a hairnet.safetensors
        parser: "builtin" or a file that faces.load_parser takes
        identity: ArcFace network as ONNX (faces.reading says how it sees a face); without the file no cosines
        out: folder for the sheets (photos-1.png, ...) and photos.json
    """
    judge, net = load_parser(parser), load_network(network)
    same = Identity(identity) if identity.is_file() else None
    wigs = [Portrait(align_at(*_face(Path(name))), judge) for name in donors.split(",")]
    paths = [path for folder in faces.split(",") for path in photos_of(Path(folder))]
    tally, cells, captions = Tally(), [], []
    for path in Progress(paths, unit="photo"):
        try:
            photo, points = _face(path)
            person = Portrait(align_at(photo, points), judge)
        except (ValueError, OSError) as error:
            tally.refused += [str(error)] * len(wigs)
            continue
        cells.append(cell(person.canvas.pixels, person))
        captions.append(path.name)
        for donor in wigs:
            picture, words = worn(net, donor, person, path, same, tally)
            cells.append(picture)
            captions.append(words)
        # as it goes, so that a run that is stopped leaves what it found
        write_sheet(cells, captions, len(wigs) + 1, out)
        write_json(out / "photos.json", {"donors": len(wigs)} | tally.figures() | {"cosines": tally.blended})
    for title, sentences in (("refused", tally.refused), ("fault", tally.faults)):
        for sentence in sorted(set(sentences)):
            print(f"{title}: {sentence}")
    said = ", ".join(f"{name} {value}" for name, value in tally.figures().items())
    print(f"{len(paths)} photos, {len(wigs)} donors: {said}; sheets in {out}")


def worn(
    net: HairNet, donor: Portrait, person: Portrait, path: Path, same: Identity | None, tally: Tally
) -> tuple[np.ndarray, str]:
    """One transfer, counted: its cell of the sheet and the words under it."""
    started = time.monotonic()
    try:
        result = net.wear(donor, person)
    except Exception as error:  # the very thing that is counted here
        tally.faults.append(f"{path.name}: {type(error).__name__}: {error}")
        return np.zeros((CELL, CELL, 3), np.uint8), "fault"
    tally.seconds.append(time.monotonic() - started)
    tally.finished += 1
    assert result.composite is not None
    picture = cell(result.composite.picture, person)
    if same is None:
        return picture, ""
    photo, crop = person.aligned.source, person.aligned
    points = crop.quad[0] + (crop.points + 0.5) / crop.image.width @ np.stack(
        [crop.quad[3] - crop.quad[0], crop.quad[1] - crop.quad[0]]
    )
    before, plain = same(photo, points), net.wear(donor, person, "none").photo
    tally.blended.append(float(before @ same(result.photo, found_again(result.photo, points))))
    tally.generated.append(float(before @ same(plain, found_again(plain, points))))
    return picture, f"{tally.blended[-1]:.2f}, generated {tally.generated[-1]:.2f}"


def write_sheet(cells: list[np.ndarray], captions: list[str], columns: int, out: Path) -> None:
    """The page of the contact sheet that the last cells belong to."""
    start = (len(cells) - 1) // (ROWS * columns) * ROWS * columns
    page = sheet(np.stack(cells[start:]), columns, captions[start:])
    write_image(page, out / f"photos-{1 + start // (ROWS * columns)}.png")


def _face(path: Path) -> tuple[Image.Image, np.ndarray]:
    """A photo and the five points of its most central face; refusals name the file."""
    photo = read_image(path)
    found = detect(photo)
    try:
        return photo, found.points[chosen(found, *photo.size)]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


if __name__ == "__main__":
    run(main)
