"""Align, and lay the untouched crop back: what does the way there and back change?

    python -m benchmarks.alignment                    # the photos of shared/material
    python -m benchmarks.alignment --faces folder

Each photo is taken as it is, rotated by 25 degrees, and cut so closely that the crop leaves it and is padded. The crop
has the photo's own resolution. Printed: the largest change of any pixel outside the crop (must be 0) and the mean
change inside, of 255 (must be at most 2).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import binary_dilation

from data.command import run
from data.files import write_json
from data.images import read_image
from data.photos import photos_of
from data.progress import Progress
from faces.align import align_at, ffhq_quad
from faces.detect import chosen, detect

MATERIAL = Path(__file__).resolve().parents[2] / "shared/material"
ANGLE = 25.0  # degrees
MOST = 2.0  # of 255: mean change inside


def rotated(photo: Image.Image, points: np.ndarray) -> tuple[Image.Image, np.ndarray]:
    """Photo and points (5,2), turned counter-clockwise on a larger canvas."""
    turned = photo.rotate(ANGLE, Image.Resampling.BICUBIC, expand=True)
    angle = math.radians(ANGLE)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    before, after = np.array(photo.size) / 2, np.array(turned.size) / 2
    return turned, ((points + 0.5 - before) @ turn.T + after - 0.5).astype(np.float32)


def cut(photo: Image.Image, points: np.ndarray) -> tuple[Image.Image, np.ndarray]:
    """Photo and points, cut to four fifths of the FFHQ crop about its centre."""
    quad = ffhq_quad(points)
    centre, reach = quad.mean(0), 0.4 * float(np.linalg.norm(quad[3] - quad[0]))
    low = np.maximum(centre - reach, 0).astype(int)
    high = np.minimum(centre + reach, photo.size).astype(int)
    return photo.crop((*low.tolist(), *high.tolist())), points - low.astype(np.float32)


def there_and_back(photo: Image.Image, points: np.ndarray) -> tuple[int, float]:
    """Largest change outside the crop, mean change inside, of 255."""
    side = math.ceil(float(np.linalg.norm(ffhq_quad(points)[3] - ffhq_quad(points)[0])))
    aligned = align_at(photo, points, max(side, 64))
    back = np.asarray(aligned.to_photo(aligned.image), np.int16)
    change = np.abs(back - np.asarray(photo, np.int16))
    inside = Image.new("1", photo.size)
    ImageDraw.Draw(inside).polygon([(float(x), float(y)) for x, y in aligned.quad], fill=1, outline=1)
    mask = np.asarray(inside)
    outside = ~binary_dilation(mask, iterations=2)  # the polygon's own edge is drawn to the pixel only
    return int(change[outside].max(initial=0)), float(change[mask].mean())


def main(
    *, faces: str = f"{MATERIAL / 'photos'},{MATERIAL / 'aligned'}", out: Path = Path("runs/benchmarks/alignment.json")
) -> None:
    """Prints what an untouched crop changes when it is laid back.

    Args:
        faces: folders of photos, separated by commas
        out: the same figures as JSON
    """
    figures: dict[str, dict[str, float]] = {}
    changes: dict[str, list[tuple[int, float]]] = {"as it is": [], f"rotated by {ANGLE:g} degrees": [], "padded": []}
    for path in Progress([path for folder in faces.split(",") for path in photos_of(Path(folder))], unit="photo"):
        photo = read_image(path)
        found = detect(photo)
        if len(found) == 0:
            continue
        points = found.points[chosen(found, *photo.size)]
        variants = ((photo, points), rotated(photo, points), cut(photo, points))
        for name, variant in zip(changes, variants, strict=True):
            changes[name].append(there_and_back(*variant))
    for name, values in changes.items():
        outside, inside = max(o for o, _ in values), [i for _, i in values]
        figures[name] = {
            "photos": len(values),
            "largest change outside": outside,
            "mean change inside": round(float(np.mean(inside)), 3),
            "largest mean change inside": round(max(inside), 3),
        }
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in figures[name].items()))
        if outside > 0 or max(inside) > MOST:
            print(f"fault: {name} changes more than it may")
    write_json(out, figures)


if __name__ == "__main__":
    run(main)
