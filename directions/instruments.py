"""What an experiment needs: something that makes pictures of latent codes, and something that looks at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Columns = dict[str, np.ndarray]  # {name: (N,) or (N, D) float32}


@dataclass(frozen=True)
class Instruments:
    """Any generator, any scorer and any descriptors will do."""

    render: Callable[[np.ndarray], np.ndarray]  # (N, w_dim) float32 -> (N, H, W, 3) uint8
    measure: Callable[[np.ndarray], Columns]  # (N, H, W, 3) uint8 -> {attribute: (N,)}, NaN where not measurable
    describe: Callable[[np.ndarray], Columns]  # (N, H, W, 3) uint8 -> {"hair", "identity": (N, D) of unit length}
