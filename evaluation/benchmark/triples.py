"""The fixed list: who, whose hair, from which side. Version 1, 780 triples, the same on every machine.

A triple is a person, a hair donor and their poses. The first 500 are of kind `crowd`: anybody with anybody's hair, yaw
gaps spread evenly over 0 to 60 degrees; then 40 of each special kind. No training has seen any of these seeds.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass, fields

import numpy as np

from evaluation.benchmark.heads import in_a_hat, person
from synth.heads import Head

VERSION = 1
LIST_SHA256 = "31705a2ee41264e44c0e1f948ca58408a531542fbc31c2a147d6ea9086b1e257"
CROWD, EACH = 500, 40
FIRST_SEED = 700_000_000
YAW = 35.0  # degrees to either side: as far as the built-in generator's heads turn
EXTREME = (38.0, 45.0)  # degrees: one of the two heads of kind extreme-yaw
PITCH = 8.0
GAPS = {"easy": (0.0, 15.0), "medium": (15.0, 35.0), "hard": (35.0, 60.0), "turned": (15.0, 60.0)}  # degrees of yaw

SHORT, LONG = ("crew", "quiff", "short"), ("long", "wavy", "long fringe")
FRINGE, ASYMMETRIC = ("fringe", "long fringe"), ("side shave", "slanted bob", "side ponytail", "pixie")
ANY = ("quiff", "crew", "afro", "side part", "short", "curly", "bob", "fringe", "long", "long fringe", "wavy")
OPEN = ("quiff", "crew", "side part", "bob", "long", "wavy")  # no fringe
BALD = ("bald",)
KINDS = {  # kind: haircuts of the person and of the hair donor
    "crowd": (ANY, ANY),
    "long-to-short": (LONG, SHORT),
    "short-to-long": (SHORT, LONG),
    "bald": (ANY, BALD),  # every second: the bald one gets hair
    "hat": (ANY, ANY),  # the donor's, every second the person's
    "fringe": (OPEN, FRINGE),
    "asymmetric": (ANY, ASYMMETRIC),
    "extreme-yaw": (ANY, ANY),
}
SPECIAL = tuple(kind for kind in KINDS if kind != "crowd")
BUCKETS = (*GAPS, *SPECIAL)


@dataclass(frozen=True)
class Triple:
    """One task. Angles in degrees, positive yaw: turned to image right; styles as in synth.heads.STYLES."""

    number: int
    kind: str
    face_seed: int
    face_style: str
    face_yaw: float
    face_pitch: float
    hair_seed: int
    hair_style: str
    hair_yaw: float
    hair_pitch: float
    hat: str  # who wears one: "", "face" or "hair"

    @property
    def gap(self) -> float:
        """Degrees of yaw between the two heads."""
        return abs(self.face_yaw - self.hair_yaw)

    @property
    def buckets(self) -> tuple[str, ...]:
        """The buckets it counts in."""
        if self.kind != "crowd":
            return (self.kind,)
        return tuple(name for name, (low, high) in GAPS.items() if low <= self.gap < high)

    def heads(self) -> tuple[Head, Head, Head]:
        """The person, the hair donor, and the truth: this person with that hair, in the person's pose."""
        face = person(self.face_seed, self.face_style).turned(self.face_yaw, self.face_pitch)
        hair = person(self.hair_seed, self.hair_style).turned(self.hair_yaw, self.hair_pitch)
        if self.hat:
            face, hair = (in_a_hat(face), hair) if self.hat == "face" else (face, in_a_hat(hair))
        return face, hair, face.wearing(hair)


COLUMNS = tuple(field.name for field in fields(Triple))


def all_triples() -> list[Triple]:
    """The whole list; ValueError when it is not the one that this version states."""
    drawn: list[Triple] = []
    for kind in KINDS:
        stream = np.random.RandomState([VERSION, list(KINDS).index(kind)])
        drawn += [_draw(kind, k, len(drawn) + k, stream) for k in range(CROWD if kind == "crowd" else EACH)]
    if list_sha256(drawn) != LIST_SHA256:
        raise ValueError(
            f"the list of triples has the sha256 {list_sha256(drawn)}, not {LIST_SHA256}: "
            "restore evaluation/benchmark/ with git, so that figures compare"
        )
    return drawn


def first_of_each(triples: list[Triple], count: int) -> list[Triple]:
    """The first `count` of each of easy, medium and hard and of each special kind, in order: for a quick look."""
    left = dict.fromkeys([bucket for bucket in BUCKETS if bucket != "turned"], count)
    chosen = []
    for triple in triples:
        bucket = triple.buckets[0]
        if left[bucket] > 0:
            left[bucket] -= 1
            chosen.append(triple)
    return chosen


def list_sha256(triples: list[Triple]) -> str:
    """The sha256 of a list of triples, written as JSON."""
    return hashlib.sha256(json.dumps([astuple(triple) for triple in triples]).encode()).hexdigest()


def _draw(kind: str, k: int, number: int, stream: np.random.RandomState) -> Triple:
    """The k-th triple of a kind."""
    styles = KINDS[kind]
    if kind == "bald" and k % 2:
        styles = (BALD, ANY)
    face_style, hair_style = (names[stream.randint(len(names))] for names in styles)
    face_yaw, hair_yaw = _extreme(k, stream) if kind == "extreme-yaw" else _yaws(k, kind, stream)
    pitches = stream.uniform(-PITCH, PITCH, 2)
    hat = ("hair", "face")[k % 2] if kind == "hat" else ""
    seed = FIRST_SEED + 2 * number
    face = (seed, face_style, _tenth(face_yaw), _tenth(pitches[0]))
    return Triple(number, kind, *face, seed + 1, hair_style, _tenth(hair_yaw), _tenth(pitches[1]), hat)


def _yaws(k: int, kind: str, stream: np.random.RandomState) -> tuple[float, float]:
    """Yaws within YAW; the gaps of a kind spread evenly over 0 to 60 degrees."""
    count = CROWD if kind == "crowd" else EACH
    gap = 59.8 * ((k * 7 % count) + stream.uniform(0, 1)) / count  # 7 has no factor in common with either count
    gap *= stream.choice((-1, 1))
    face = stream.uniform(max(-YAW, -YAW - gap), min(YAW, YAW - gap))
    return face, face + gap


def _extreme(k: int, stream: np.random.RandomState) -> tuple[float, float]:
    """One head turned further than the built-in generator can, the other within YAW; in turns."""
    far = stream.uniform(*EXTREME) * stream.choice((-1, 1))
    near = stream.uniform(-YAW, YAW)
    return (near, far) if k % 2 else (far, near)


def _tenth(degrees: float) -> float:
    return round(float(degrees), 1)
