"""FID and KID by torch-fidelity, with the Inception weights that the user has.

Published FIDs of one method differ by more than methods do (resizing, JPEG, number of pictures, other weights); so this
is told with the number of pictures and the weights' sha256, and compares runs of this command only.
"""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any

import torch

SUBSET = 100  # pictures per subset of KID, at most
USUAL = "weights-inception-2015-12-05-6726825d.pth of torch-fidelity"


def check_inception(weights: Path) -> None:
    """ValueError unless torch-fidelity is there and `weights` is a file of tensors for its Inception."""
    try:
        import torch_fidelity  # noqa: F401
    except ImportError as error:
        raise ValueError("--inception needs torch-fidelity: pip install 'hairnet[metrics]', or leave it out") from error
    if not weights.is_file():
        raise FileNotFoundError(f"--inception {weights} does not exist: give {USUAL}")
    tensors_of(weights)


def tensors_of(weights: Path) -> dict[str, Any]:
    """The tensors of an Inception file; nothing in it is executed. ValueError for any other file."""
    try:
        found = torch.load(weights, map_location="cpu", weights_only=True)
        known = all(isinstance(found.get(f"{name}.weight"), torch.Tensor) for name in ("Conv2d_1a_3x3.conv", "fc"))
    except (pickle.UnpicklingError, RuntimeError, AttributeError, EOFError, ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise ValueError(f"--inception {weights} is not torch-fidelity's Inception: give {USUAL}")
    return found


def frechet(real: Path, made: Path, count: int, weights: Path, device: str) -> dict[str, Any]:
    """FID and KID (times 1) of the pictures in folder `made` against those in `real`, `count` of each."""
    from torch_fidelity import calculate_metrics

    with tempfile.TemporaryDirectory() as folder:
        # torch-fidelity unpickles freely: it gets a file that we have written
        clean = Path(folder) / "inception.pth"
        torch.save(tensors_of(weights), clean)
        found = calculate_metrics(
            input1=str(made),
            input2=str(real),
            cuda=device.startswith("cuda"),
            fid=True,
            kid=True,
            kid_subset_size=min(SUBSET, count),
            feature_extractor_weights_path=str(clean),
            cache=False,
            save_cpu_ram=True,  # no processes of its own that read files
            verbose=False,
            rng_seed=0,
        )
    return {
        "pictures": count,
        "fid": float(found["frechet_inception_distance"]),
        "kid": float(found["kernel_inception_distance_mean"]),
        "kid_deviation": float(found["kernel_inception_distance_std"]),
    }
