"""From embeddings to the figures of a retrieval report: identity first, then hair, each with its controls."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation import figures, scores
from evaluation.cache import Job, checked, read_rows, unfound
from evaluation.judge import judge_of
from evaluation.questions import Answer, ask, hair_questions, identity_questions
from evaluation.studio import Studio


def identity_findings(
    studio: Studio, faces: list[Job], codes: dict[str, np.ndarray], rows: dict[str, np.ndarray], gallery: int, seed: int
) -> tuple[dict[str, Any], Answer]:
    """Who is it? The report's figures and the transfers' own answer. rows: gallery rows (M,) of "face" and "hair"."""
    setup = studio.setup
    donors = {name: read_rows(faces, row) for name, row in rows.items()}
    answers = ask(identity_questions(codes, donors, rows), faces, "embedding", setup.device)
    transfer, first = answers["transfer"], checked(faces[0])["embedding"]
    strangers = scores.stranger_scores(codes["transfer"], first, 0, list(rows.values()))
    turned = codes["made_yaw"] - codes["face_yaw"]
    report = {
        "judge": judge_of(studio.embedder.title, setup.embedder, setup),
        **{name: figures.summary(answer.ranks, gallery, seed) for name, answer in answers.items()},
        "chance": figures.chance(gallery),
        "cmc": {name: figures.cmc(answers[name].ranks, gallery) for name in ("transfer", "blended", "hair_donor")},
        "rank_1_by_gallery_size": figures.curve(transfer.ranks, gallery, seed),
        "rank_1_by_yaw_gap": figures.by_yaw_gap(transfer.ranks, codes["face_yaw"], codes["hair_yaw"]),
        "open_set": scores.open_set(transfer),
        "separation": scores.separation(transfer.own, strangers) if len(strangers) else None,
        "cosine": figures.cosines(codes["transfer"], donors["face"], donors["hair"]),
        "mean_turn_degrees": float(np.nanmean(np.abs(turned))) if np.isfinite(turned).any() else None,
        "undetected": {
            **{f"{name}s": int(np.isnan(codes[column]).sum()) for name, column in YAWS.items()},
            "gallery": unfound(faces),
        },
    }
    return report, transfer


YAWS = {"face_donor": "face_yaw", "hair_donor": "hair_yaw", "transfer": "made_yaw"}


def hair_findings(
    studio: Studio, faces: list[Job], codes: dict[str, np.ndarray], rows: dict[str, np.ndarray], gallery: int, seed: int
) -> dict[str, Any] | None:
    """Whose hair is it? The same by the hair descriptor; None where there is none."""
    setup = studio.setup
    if studio.hair is None or setup.hair is None:
        return None
    donors = {name: read_rows(faces, row, "hair") for name, row in rows.items()}
    answers = ask(hair_questions(codes, donors, rows), faces, "hair", setup.device)
    return {
        "judge": judge_of(studio.hair.title, setup.hair, setup, "hair"),
        **{name: figures.summary(answer.ranks, gallery, seed) for name, answer in answers.items()},
        "cmc": {name: figures.cmc(answers[name].ranks, gallery) for name in ("transfer", "no_transfer", "face_donor")},
        "rank_1_by_gallery_size": figures.curve(answers["transfer"].ranks, gallery, seed),
        "cosine": figures.cosines(codes["hair_transfer"], donors["face"], donors["hair"]),
    }
