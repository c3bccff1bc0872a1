"""What a trained generator is worth: figures on renders that it never saw, and how well W keeps the factors apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from data.images import sheet, to_uint8
from recipes import factors
from recipes.generator_training import Pairs
from synth.networks import Generator
from synth.training.game import Game

SAMPLES = 8000


@torch.no_grad()
def mapping_figures(generator: Generator) -> dict[str, Any]:
    """Eigenvalues of the covariance of w, and how much of each factor a linear map reads from w."""
    draw = torch.Generator().manual_seed(1)
    z = torch.randn(SAMPLES, generator.z_dim, generator=draw)
    w = generator.mapping(z.to(generator.w_avg.device))[:, 0].cpu()
    eigenvalues = torch.linalg.eigvalsh(torch.cov(w.T)).flip(0)
    unit = factors.unit_factors(z)
    design = torch.cat([w, torch.ones(SAMPLES, 1)], dim=1)
    half = SAMPLES // 2
    solution = torch.linalg.lstsq(design[:half], unit[:half]).solution
    residual = (design[half:] @ solution - unit[half:]).square().mean(0)
    explained = 1 - residual / unit[half:].var(0)
    return {
        "w_eigenvalue_largest": round(float(eigenvalues[0]), 4),
        "w_eigenvalue_of_last_code_dimension": round(float(eigenvalues[factors.CODE_DIM - 1]), 4),
        "w_eigenvalue_beyond_code": round(float(eigenvalues[factors.CODE_DIM]), 4),
        "factor_r2_mean": round(float(explained.mean()), 4),
        "factor_r2_smallest": round(float(explained.min()), 4),
    }


def held_out_l1(trainer: Game, held_out: Pairs, resolution: int) -> float:
    """Mean absolute difference, of [-1, 1], between pictures and renders that were kept out of training."""
    _, real = held_out.batch(torch.arange(len(held_out.z)), resolution, trainer.device)
    return float((trainer.pictures(held_out.z, resolution) - real).abs().mean())


def sample_sheet(trainer: Game, held_out: Pairs, resolution: int, columns: int = 10, rows: int = 3) -> Any:
    """PIL sheet of held-out renders above the generator's pictures of the same z, then pictures of fresh z."""
    count = min(columns * rows, len(held_out.z))
    z, real = held_out.batch(torch.arange(count), resolution, trainer.device)
    fresh = torch.randn(columns * rows, z.shape[1], generator=torch.Generator().manual_seed(2))
    images = [to_uint8(x) for x in (real, trainer.pictures(z, resolution), trainer.pictures(fresh, resolution))]
    blank = np.full((-count % columns, *images[0].shape[1:]), 255, np.uint8)
    return sheet(np.concatenate([images[0], blank, images[1], blank, images[2]]), columns, scale=2)
