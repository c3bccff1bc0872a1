"""Finds a latent direction for every attribute: `python -m directions.fit runs/x/faces --out runs/x/directions`.

A linear SVM on all samples gives the boundary, the covariance of w turns its normal into the edit vector, and rendering
and measuring edited held-out samples gives the step in the attribute's own unit. What is reported is measured on
samples that no model has seen and no vector was chosen by.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np

from data.command import run
from data.files import check_folder_place, read_json, write_json
from data.images import write_image
from data.shards import Shards
from directions.attributes import ATTRIBUTES, MEASURED
from directions.boundary import read_boundary
from directions.calibrate import Calibration
from directions.direction import Direction, load_direction, save_direction
from directions.fitting import LEAST, fit_direction
from directions.instruments import Instruments
from directions.likeness import Describer
from directions.measured import MeasuredFaces, open_faces
from directions.pictures import caption, strip
from directions.pool import MeasuringPool
from directions.report import REPORT, matrix, table, write_report
from directions.scorer import Scorer
from directions.spaces import coded, open_space

SHOWN = 6  # samples in the picture
VERSION = 4  # of the fit: directions of an earlier one are made anew


def main(
    faces: Path,
    *,
    attributes: str = ",".join(ATTRIBUTES),
    keep: str | None = None,
    out: Path | None = None,
    space: str = "W",
    way: Literal["least", "covariance", "whitened", "normal", "regression"] = "least",
    generator: str = "builtin",
    parser: str = "builtin",
    pose: str = "builtin",
    check: bool = False,
    own: str = "",
    identity: str = "builtin",
    band: float = 1.0,
    boundary: Path | None = None,
    workers: int | None = None,
    device: str | None = None,
) -> None:
    """Fits, calibrates and saves a latent direction for each attribute, with a picture, and reports how good they are.

    Writes ATTRIBUTE.json and ATTRIBUTE.png for each, report.json and report.html. Attributes done already are kept.
    Whatever directions.measure measures can have a direction and can be held fixed.

    Args:
        faces: folder of shards that directions.measure has measured
        attributes: names with commas between them
        keep: names of attributes that edits hold fixed, with commas between them; "" none; None: all that are measured,
            except that hair does not hold hair
        out: folder for the results; None: "directions" beside the folder of faces
        space: W, Z, S, or layers of W+: W+coarse, W+middle, W+fine, W+4-7
        way: the edit vector: covariance (of codes, times the SVM's normal), whitened (the normal in whitened codes),
            normal (InterFaceGAN's), regression (covariance times the slope of a ridge regression on all values), or
            least: that of the first three which leaks least into other attributes
        generator: "builtin" or the checkpoint that made the faces
        parser: "builtin" or the path of the face parser that measured them
        pose: "builtin", the path of a pose network, or "mtcnn": facenet-pytorch's detector; the one that measured them
        check: MTCNN has to agree: no face, or another yaw, is not measured; true where directions.measure was told so
        own: Python files with attributes of one's own, with commas between them (see directions/own.py)
        identity: "builtin" or the path of a face embedder, which tells how much edits change the person
        band: share of the training faces that the SVM sees, those farthest from its threshold, above 0 up to 1
        boundary: .npy file with the vector to go along, made elsewhere, for one attribute, or the other way where the
            attribute falls along it; None: an own one, by the SVM
        workers: processes that measure; None: one per core
        device: cpu or cuda; None: cuda if there is one
    """
    report = fit_directions(
        faces,
        out or faces.parent / "directions",
        attributes=attributes,
        keep=keep,
        space=space,
        way=way,
        generator=generator,
        scorer=Scorer(parser, pose, check, own),
        identity=identity,
        band=band,
        boundary=boundary,
        workers=workers,
        device=device,
    )
    print(table(report))
    print(f"\n{matrix(report)}")
    for name, reason in report["failed"].items():
        print(f"no direction for {name}: {reason}")
    if not report["directions"]:
        raise ValueError(f"none of {attributes} has a direction in {faces}: sample more faces or take other attributes")


def fit_directions(
    faces: Path,
    out: Path,
    *,
    attributes: str = ",".join(ATTRIBUTES),
    keep: str | None = None,
    space: str = "W",
    way: str = LEAST,
    generator: str = "builtin",
    scorer: Scorer | None = None,
    identity: str = "builtin",
    band: float = 1.0,
    boundary: Path | None = None,
    workers: int | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """Fits every named attribute; the report has {"directions": {name: figures}, "failed": {name: reason}}."""
    names = parse_attributes(attributes, "--attributes")
    if not names or len(names) < len(attributes.split(",")):
        raise ValueError(f"--attributes is {attributes!r}: name one attribute or more, each once, with commas between")
    kept = None if keep is None else parse_attributes(keep, "--keep")
    if not 0 < band <= 1:
        raise ValueError(f"band is {band}, but it is a share of the faces: above 0 and at most 1")
    if boundary is not None and len(names) != 1:
        raise ValueError(f"--boundary is of one attribute, but --attributes has {len(names)}: name the one")
    if boundary is not None and kept:
        raise ValueError("--keep does not go with --boundary, which is gone along as it is: leave one of them out")
    check_folder_place(out)
    scorer = scorer or Scorer()
    sample, network, render = open_faces(Shards(faces), generator, scorer, device)
    known = coded(sample, open_space(space, render, sample.psi))
    given = None if boundary is None else read_boundary(boundary, known.codes.shape[1])
    describe = Describer(identity, device=device)
    settings = (VERSION, known.space.name, way, band, kept, describe.sha256, None if given is None else given.tolist())
    report: dict[str, Any] = {"faces": len(sample.seeds), "psi": sample.psi, "space": known.space.name}
    report |= {"units": {name: MEASURED[name].unit for name in MEASURED}, "directions": {}, "failed": {}}
    with MeasuringPool(scorer, device, workers) as measure:
        tools = Instruments(render, measure, describe)
        for name in names:
            direction = _done(out / f"{name}.json", network, sample, settings)
            if direction is None:
                try:
                    direction, calibration = fit_direction(sample, name, tools, band, kept, given, known, way)
                except ValueError as reason:
                    report["failed"][name] = str(reason)
                    continue
                direction.figures["data_sha256"] = _fingerprint(sample, settings)
                write_image(_picture(name, calibration), out / f"{name}.png")
                save_direction(direction, out / f"{name}.json")
            report["directions"][name] = {"accuracy": direction.accuracy, "n": direction.n} | direction.figures
    if not report["directions"]:  # the reports of an earlier run, if there are any, stay as they are
        return report
    write_json(out / REPORT, report)
    write_report(out)
    return read_json(out / REPORT)


def parse_attributes(text: str, flag: str) -> list[str]:
    """Text such as yaw,hair_length -> the names, each once; ValueError naming the flag for one that is not measured."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in MEASURED:
            raise ValueError(f"{flag} has {name!r}, but what is measured is {', '.join(MEASURED)}")
    return list(dict.fromkeys(names))


def _done(path: Path, generator: Any, sample: MeasuredFaces, settings: tuple) -> Direction | None:
    """The direction that an earlier run has made of the same faces with the same settings, if there is one."""
    if not path.is_file() or not path.with_suffix(".png").is_file():
        return None
    try:
        direction = load_direction(path, generator)
    except ValueError as error:
        raise ValueError(f"{path} is there but cannot be kept ({error}): delete it or give another --out") from error
    return direction if direction.figures.get("data_sha256") == _fingerprint(sample, settings) else None


def _fingerprint(sample: MeasuredFaces, settings: tuple) -> str:
    """Of everything that decides a direction."""
    digest = hashlib.sha256(repr((sample.generator, sample.psi, sorted(sample.scorer.items()), settings)).encode())
    for array in (sample.seeds, sample.w, *sample.columns.values()):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _picture(name: str, calibration: Calibration) -> Any:
    shown = calibration.measured[name][:SHOWN]
    return strip(calibration.images[:SHOWN], [[f"measured {caption(name, value)}" for value in row] for row in shown])


if __name__ == "__main__":
    run(main)
