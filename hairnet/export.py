"""The whole network as one ONNX file: `python -m hairnet.export --out hairnet.onnx`. It needs the extra `[onnx]`.

Encoders, fusion and generator go into the graph, so that a program without PyTorch makes transfers:

    face, hair (batch, 3, S, S) float32 in [-1, 1]  ->  picture (batch, 3, R, R) float32 in [-1, 1]

`face` is an FFHQ crop with all but the inner face black (-1), `hair` one with the inner face black; `inputs` makes
them, and the file's metadata say S and R. Before the file gets its name, onnxruntime has drawn pictures of held-out
codes with it, and they were those of PyTorch.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from data.command import run
from data.files import atomic_path, check_file_place
from hairnet.model import HairNet, load_network
from synth import latents

NEEDED = ("onnx", "onnxscript", "onnxruntime")
OPSET = 18
TOLERANCE = 2e-3  # of pictures in [-1, 1]: a quarter of a grey level
CHECKED = 4  # pairs of faces that both sides draw
FIRST_SEED = 4_000_000
MOST_BATCH = 64


class Whole(nn.Module):
    """What goes into the graph."""

    def __init__(self, net: HairNet) -> None:
        super().__init__()
        self.network, self.synthesis = net.network, net.generator.synthesis

    def forward(self, face: Tensor, hair: Tensor) -> Tensor:
        """(N,3,S,S), (N,3,S,S) -> (N,3,R,R)."""
        ws = self.network.fusion(self.network.face(face), self.network.hair(hair))
        return self.synthesis(ws, noise="const").clamp(-1, 1)


def main(
    *, out: Path = Path("hairnet.onnx"), network: str = "builtin", generator: str | None = None, batch: int = 1
) -> None:
    """Writes a network with its generator as ONNX, and checks that onnxruntime draws the same pictures.

    Args:
        out: file to write, .onnx
        network: "builtin" or a network that hairnet.load_network takes
        generator: where the network's generator lies; left out: where it lay at the training
        batch: pairs per run of the file, 1 to 64, a fixed number
    """
    if out.suffix != ".onnx":
        raise ValueError(f"--out {out} is not a name for this format: end it in .onnx")
    if not 1 <= batch <= MOST_BATCH:
        raise ValueError(f"--batch is {batch}: it must lie in 1 to {MOST_BATCH}")
    check_file_place(out)
    check_extra()
    net = load_network(network, "cpu", generator)
    difference = export(net, out, batch)
    print(f"{out} written: onnxruntime's pictures differ by at most {difference:.1e} of a range from -1 to 1")


def check_extra() -> None:
    """ValueError when a package of the extra is missing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"{', '.join(missing)} is missing: install the extra, pip install 'hairnet[onnx]'")


@torch.no_grad()
def export(net: HairNet, out: Path, batch: int = 1) -> float:
    """Writes the file; the largest difference of a picture's value from PyTorch's. ValueError when it is too large."""
    faces, hairs = samples(net, -(-CHECKED // batch) * batch)
    whole = Whole(net).eval()
    with atomic_path(out) as temporary:
        with _quiet():
            program: Any = torch.onnx.export(
                whole,
                (faces[:batch], hairs[:batch]),
                dynamo=True,
                optimize=False,  # onnxscript's optimiser changes the pictures; onnxruntime optimises when it loads
                opset_version=OPSET,
                input_names=["face", "hair"],
                output_names=["picture"],
                verbose=False,
            )
        sides = {"size": net.network.config.size, "resolution": net.generator.resolution, "batch": batch}
        program.model.metadata_props.update({name: str(side) for name, side in sides.items()})
        program.save(str(temporary), external_data=False)
        difference = compare(temporary, whole, faces, hairs, batch)
        if not difference <= TOLERANCE:
            raise ValueError(
                f"--out {out} is not written: onnxruntime's pictures differ from PyTorch's by {difference:.2g}, more "
                f"than {TOLERANCE}: try another version of onnxruntime or of torch"
            )
    return difference


def inputs(net: HairNet, face: Tensor, hair: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """FFHQ crops (N,3,H,W) in [-1, 1] of any size -> the graph's `face` and `hair` (N,3,S,S) float32."""
    seen: dict[str, np.ndarray] = {}
    hooks = [
        getattr(net.network, name).register_forward_pre_hook(
            lambda _, given, name=name: seen.__setitem__(name, given[0].float().cpu().numpy())
        )
        for name in ("face", "hair")
    ]
    try:
        with torch.no_grad():
            net.encode_face(face)
            net.encode_hair(hair)
    finally:
        for hook in hooks:
            hook.remove()
    return seen["face"], seen["hair"]


def samples(net: HairNet, count: int) -> tuple[Tensor, Tensor]:
    """The graph's inputs for pairs of sampled faces."""
    G = net.generator
    seeds = list(range(FIRST_SEED, FIRST_SEED + 2 * count))
    crops = torch.cat([net.pictures(G.mapping(latents([seed], G.z_dim).to(net.device))) for seed in seeds])
    face, hair = inputs(net, crops[:count], crops[count:])
    return torch.from_numpy(face), torch.from_numpy(hair)


@torch.no_grad()
def compare(path: Path, whole: nn.Module, faces: Tensor, hairs: Tensor, batch: int) -> float:
    """Largest absolute difference between the file's pictures and PyTorch's."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    differences = []
    for face, hair in zip(faces.split(batch), hairs.split(batch), strict=True):
        (picture,) = session.run(None, {"face": face.numpy(), "hair": hair.numpy()})
        differences.append(float(np.abs(picture - whole(face, hair).numpy()).max()))
    return max(differences)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter reports its stages and its own deprecations, which are no concern of the caller."""
    names = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")
    levels = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    for logger, _ in levels:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for logger, level in levels:
                logger.setLevel(level)


if __name__ == "__main__":
    run(main)
