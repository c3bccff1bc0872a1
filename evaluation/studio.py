"""Generator, HairNet and scorer at work together: seeds in, embeddings out.

Every network only ever sees a full micro-batch of one fixed size, the last one padded, because the rounding of a batch
depends on its shape: so a seed's embedding is the same bits whatever chunk, gallery or worker it is made in.
Pictures are rounded to 8 bits before they are embedded or transferred: what is judged is what a file would hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from data.images import to_tensor, to_uint8
from faces import detect_batch, load_embedder
from faces.pose import yaw_from_points
from hairnet import load_network
from hairnet.split import masks_of, resize, template_points
from synth import latents

MICRO_BATCH = {"cpu": 16, "cuda": 128}


@dataclass(frozen=True)
class Setup:
    """What an embedding depends on: the network files, psi of the faces, and where it is computed."""

    generator: Path
    embedder: Path
    network: Path
    psi: float
    device: str
    hair: Path | None = None  # the hair descriptor; None: hair is not judged
    corrections: int = 0  # second looks of the network at its own picture

    @property
    def micro_batch(self) -> int:
        """Pictures per network call."""
        return MICRO_BATCH["cuda" if self.device.startswith("cuda") else "cpu"]


class Studio:
    """The loaded networks of a Setup. R is the generator's resolution, D the scorer's embedding size."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.embedder = load_embedder(str(setup.embedder), device=setup.device)
        self.hair = None if setup.hair is None else load_embedder(str(setup.hair), device=setup.device)
        self.network = load_network(setup.network, device=setup.device, generator=setup.generator)
        self.generator = self.network.generator

    def pictures(self, seeds: np.ndarray) -> Tensor:
        """(N,) seeds -> the faces they sample, (N, 3, R, R), noise "const"."""
        z = latents([int(seed) for seed in seeds], self.generator.z_dim)
        return self._batched(lambda z: self._rounded(self.generator.mapping(z, psi=self.setup.psi)), z)

    def transfer(self, face: Tensor, hair: Tensor, face_points: np.ndarray, hair_points: np.ndarray) -> Tensor:
        """The hair of `hair` on the face of `face` (N, 3, R, R), points (N, 5, 2): the network's picture, unblended."""
        points = torch.from_numpy(face_points), torch.from_numpy(hair_points)
        return self._batched(self._transferred, face, hair, *points)

    def blend(self, face: Tensor, made: Tensor, face_points: np.ndarray) -> Tensor:
        """The donor's own inner face pasted back into `made` (N, 3, R, R), as the method's authors blend, 8 bits."""
        inner = resize(masks_of(face_points, made.shape[-1]), made.shape[-1])
        return to_tensor(to_uint8(made + inner * (face - made)))

    def embed(self, pictures: Tensor, points: np.ndarray | None = None) -> np.ndarray:
        """(N, 3, R, R) -> (N, D) float32 unit length; points (N, 5, 2) are detected where the scorer wants them."""
        if not self.embedder.needs_points:
            return self._batched(self.embedder, pictures).numpy()
        known = self.points(pictures)[0] if points is None else points
        return self._batched(lambda x, p: self.embedder(x, p.cpu().numpy()), pictures, torch.from_numpy(known)).numpy()

    def embed_hair(self, pictures: Tensor) -> np.ndarray:
        """(N, 3, R, R) -> (N, E) float32 unit length."""
        assert self.hair is not None
        return self._batched(self.hair, pictures).numpy()

    def points(self, pictures: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Five points (N, 5, 2) in pixels, the template's where no face is found, and yaw (N,) degrees, NaN there."""
        found = self._batched(lambda x: torch.from_numpy(detect_batch(to_uint8(x))), pictures).numpy()
        known = np.where(np.isnan(found), template_points(len(found), pictures.shape[-1]), found)
        return known.astype(np.float32), yaw_from_points(found).astype(np.float32)

    def gallery(self, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Arrays of one gallery file. None is left out: a face not found is embedded at its usual place."""
        pictures, points = self.pictures(seeds), None
        arrays = {"seed": seeds}
        if self.embedder.needs_points:
            points, yaw = self.points(pictures)
            arrays["found"] = np.isfinite(yaw).astype(np.uint8)
        arrays["embedding"] = self.embed(pictures, points)
        if self.hair is not None:
            arrays["hair"] = self.embed_hair(pictures)
        return arrays

    def transfers(self, face_seeds: np.ndarray, hair_seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Arrays of one query file: the donors' seeds and yaws (N,), embeddings (N, D) of what was made of them.

        A reconstruction takes face and hair from the same picture: the best that encoders and generator allow.
        """
        face, hair = self.pictures(face_seeds), self.pictures(hair_seeds)
        (face_points, face_yaw), (hair_points, hair_yaw) = self.points(face), self.points(hair)
        made = self.transfer(face, hair, face_points, hair_points)
        again = self.transfer(face, face, face_points, face_points)
        made_points, made_yaw = self.points(made)
        arrays = {
            "face_seed": face_seeds,
            "hair_seed": hair_seeds,
            "face_yaw": face_yaw,
            "hair_yaw": hair_yaw,
            "made_yaw": made_yaw,
            "transfer": self.embed(made, made_points),
            "blended": self.embed(self.blend(face, made, face_points)),
            "reconstruction": self.embed(again),
        }
        if self.hair is not None:
            arrays |= {"hair_transfer": self.embed_hair(made), "hair_reconstruction": self.embed_hair(again)}
        return arrays

    def _transferred(self, face: Tensor, hair: Tensor, face_points: Tensor, hair_points: Tensor) -> Tensor:
        points = face_points.cpu().numpy(), hair_points.cpu().numpy()
        return self._rounded(self.network.codes(face, hair, *points, self.setup.corrections))

    def _rounded(self, ws: Tensor) -> Tensor:
        return to_tensor(to_uint8(self.generator.synthesis(ws, noise="const")))

    @torch.inference_mode()
    def _batched(self, work: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """`work` on micro-batches of one size, the last padded with its last row; results (N, ...) float32, CPU."""
        size, count = self.setup.micro_batch, len(inputs[0])
        results = []
        for start in range(0, count, size):
            rows = torch.arange(start, start + size).clamp_max(count - 1)
            results.append(work(*(x[rows].to(self.setup.device) for x in inputs)).float().cpu())
        return torch.cat(results)[:count]
