"""The files of the frozen networks that a training looks at its results with.

Each is found once: the same path gives the digest that is recorded and the network that is loaded. What scores results
in the end must never have been a loss, so the scoring embedder is refused here under whatever name it comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data.files import sha256
from data.weights import builtin, load_network, resolve
from faces.identity import KINDS, load_embedder
from faces.parsing import load_parser
from hairnet.losses import Judges

SCORER = KINDS["builtin"]


@dataclass(frozen=True)
class JudgeFiles:
    """Where the judges lie."""

    identity: Path
    hair: Path | None  # None: this world has no hair descriptor
    parser: Path

    @classmethod
    def find(cls, identity: str, hair: str, parser: str) -> JudgeFiles:
        """The files that --identity, --hair (may be "none") and --parser name; ValueError for one that may not judge.

        identity, hair: a name or a path that `load_embedder` takes.
        """
        return cls(
            _embedder("--identity", identity, ("hair",)),
            None if hair == "none" else _embedder("--hair", hair),
            resolve(parser, "parser"),
        )

    def digests(self) -> dict[str, str | None]:
        """The sha256 of each file."""
        return {
            "identity": sha256(self.identity),
            "hair": None if self.hair is None else sha256(self.hair),
            "parser": sha256(self.parser),
        }

    def load(self, device: str) -> Judges:
        """The networks."""
        return Judges(
            identity=load_embedder(self.identity, device),
            hair=None if self.hair is None else load_embedder(self.hair, device),
            parser=load_parser(self.parser, device),
        )


def _embedder(flag: str, name: str, unfit: tuple[str, ...] = ()) -> Path:
    """The file of an embedder for a loss; ValueError when it is the one that scores, or its kind is `unfit`."""
    path = builtin(KINDS[name]) if name in KINDS else Path(name)
    if not path.is_file():
        raise FileNotFoundError(f"{flag} {name} is not a file: give the path of one, builtin-loss or builtin-hair")
    # Only our own files say what they are for; a published face network is taken at its word.
    kind = load_network(path)[1]["kind"] if path.suffix == ".safetensors" else None
    if kind == SCORER or sha256(path) == _digest_of_scorer():
        raise ValueError(f"{flag} {name} only ever scores, nothing may learn to please it: give another embedder")
    if kind in unfit:
        raise ValueError(f"{flag} {name} is of kind {kind}, which does not tell persons: give a face embedder")
    return path


def _digest_of_scorer() -> str | None:
    """sha256 of the shipped scoring embedder, None where none is shipped."""
    try:
        return sha256(builtin(SCORER))
    except FileNotFoundError:
        return None
