"""What a gallery is asked, and its answers: exact ranks of mates and the scores around them, in one walk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist

from data.world import place
from evaluation.cache import Job, checked
from evaluation.ranks import compare, embeddings, exact_scores


@dataclass(frozen=True, eq=False)
class Question:
    """Where each query's mate stands."""

    queries: np.ndarray  # (M, D)
    rows: np.ndarray  # (M,) the mates' gallery rows
    mates: np.ndarray  # (M, D) their embeddings


@dataclass(frozen=True, eq=False)
class Answer:
    """Of M queries."""

    ranks: np.ndarray  # (M,) int64, 1-based, ties count against the mate
    own: np.ndarray  # (M,) float64 cosine to the mate
    rival: np.ndarray  # (M,) float64 cosine to the most similar gallery row other than the mate


def identity_questions(
    codes: dict[str, np.ndarray], donors: dict[str, np.ndarray], rows: dict[str, np.ndarray]
) -> dict[str, Question]:
    """Who is it? transfer and blended (the face pasted back): the face donor's rank; hair_donor: the hair donor's,
    which should be chance; reconstruction: the face donor's, for face and hair from its own picture; own_picture: the
    same for that picture itself, not 1 only where the gallery has doubles."""
    face, hair = (rows["face"], donors["face"]), (rows["hair"], donors["hair"])
    return {
        "transfer": Question(codes["transfer"], *face),
        "blended": Question(codes["blended"], *face),
        "hair_donor": Question(codes["transfer"], *hair),
        "reconstruction": Question(codes["reconstruction"], *face),
        "own_picture": Question(donors["face"], *face),
    }


def hair_questions(
    codes: dict[str, np.ndarray], donors: dict[str, np.ndarray], rows: dict[str, np.ndarray]
) -> dict[str, Question]:
    """Whose hair is it? transfer: the hair donor's rank; no_transfer: the same for the face donor's untouched picture,
    what a method that does nothing reaches; face_donor: the old hair's rank for the transfer, which should be bad;
    reconstruction and own_picture as in `identity_questions`. donors: (M, D) hair embeddings of the gallery's rows."""
    face, hair = (rows["face"], donors["face"]), (rows["hair"], donors["hair"])
    return {
        "transfer": Question(codes["hair_transfer"], *hair),
        "no_transfer": Question(donors["face"], *hair),
        "face_donor": Question(codes["hair_transfer"], *face),
        "reconstruction": Question(codes["hair_reconstruction"], *face),
        "own_picture": Question(donors["hair"], *hair),
    }


def ask(questions: dict[str, Question], faces: list[Job], column: str, device: str) -> dict[str, Answer]:
    """The answers of the gallery in the files `faces`, by the embeddings in their `column`.

    Each process of the world walks over its own files, one of which is in memory at a time; counts add up.
    """
    parts = list(questions.values())
    queries = embeddings(np.concatenate([part.queries for part in parts]), "queries").to(device)
    mates = embeddings(np.concatenate([part.mates for part in parts]), "mates").to(device)
    own = exact_scores(queries, mates)
    mate = torch.from_numpy(np.concatenate([part.rows for part in parts]))
    ahead, rival = torch.zeros(len(mate), dtype=torch.int64), torch.full((len(mate),), -torch.inf)
    rank, world = place()
    for job in faces[rank::world]:
        block = embeddings(checked(job)[column], str(job.path)).to(device)
        more, best = compare(queries, own, block, mate - job.start)
        ahead += more
        rival = torch.maximum(rival, best)
    if world > 1:
        dist.all_reduce(ahead)
        dist.all_reduce(rival, dist.ReduceOp.MAX)
    split = np.cumsum([len(part.queries) for part in parts])[:-1]
    columns = (1 + ahead.numpy(), own.cpu().numpy(), rival.double().numpy())
    each = zip(*(np.split(column, split) for column in columns), strict=True)
    return {name: Answer(*values) for name, values in zip(questions, each, strict=True)}
