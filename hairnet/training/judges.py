"""The files of the frozen networks that a training looks at its results with.

Each is found once: the same path gives the digest that is recorded and the network that is loaded. What scores results
in the end must never have been a loss, so the scoring embedders are refused here under whatever name they come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from data.files import sha256
from data.weights import builtin, resolve
from faces.identity import KINDS, kind_of, load_embedder, refuse_scorer
from faces.parsing import load_parser
from faces.perceptual import load_lpips, parser_distance
from hairnet.training.losses import Judges


@dataclass(frozen=True)
class JudgeFiles:
    """Where the judges lie."""

    identity: Path
    hair: Path | None  # None: this world has no hair descriptor
    parser: Path
    perceptual: tuple[Path, ...] | None = None  # of LPIPS; (): the parser stands in for it; None: no such judge

    @classmethod
    def find(cls, identity: str, hair: str, parser: str, perceptual: str = "none") -> JudgeFiles:
        """The files that the flags name, some of which may be "none"; ValueError for one that may not judge.

        identity, hair: a name or a path that `load_embedder` takes; perceptual: "parser" or LPIPS's files, by commas.
        """
        paths = () if perceptual == "parser" else tuple(map(Path, perceptual.split(",")))
        for path in paths:
            if perceptual != "none" and not path.is_file():
                raise FileNotFoundError(f"--perceptual {path} is not a file: give those of LPIPS, or parser, or none")
        return cls(
            _embedder("--identity", identity, ("hair",)),
            None if hair == "none" else _embedder("--hair", hair),
            resolve(parser, "parser"),
            None if perceptual == "none" else paths,
        )

    def digests(self) -> dict[str, Any]:
        """The sha256 of each file."""
        digests: dict[str, Any] = {
            "identity": sha256(self.identity),
            "hair": None if self.hair is None else sha256(self.hair),
            "parser": sha256(self.parser),
        }
        if self.perceptual is not None:
            digests["perceptual"] = [sha256(path) for path in self.perceptual] or "parser"
        return digests

    def load(self, device: str) -> Judges:
        """The networks."""
        parser = load_parser(self.parser, device)
        perceptual: Callable[[Tensor, Tensor], Tensor] | None = None
        if self.perceptual is not None:
            perceptual = load_lpips(self.perceptual, device) if self.perceptual else parser_distance(parser)
        return Judges(
            identity=load_embedder(self.identity, device),
            hair=None if self.hair is None else load_embedder(self.hair, device),
            parser=parser,
            perceptual=perceptual,
        )


def _embedder(flag: str, name: str, unfit: tuple[str, ...] = ()) -> Path:
    """The file of an embedder for a loss; ValueError when it is one that scores, or its kind is `unfit`."""
    path = builtin(KINDS[name]) if name in KINDS else Path(name)
    if not path.is_file():
        raise FileNotFoundError(f"{flag} {name} is not a file: give the path of one, builtin-loss or builtin-hair")
    refuse_scorer(path, f"{flag} {name}")
    if (kind := kind_of(path)) in unfit:
        raise ValueError(f"{flag} {name} is of kind {kind}, which does not tell persons: give a face embedder")
    return path
