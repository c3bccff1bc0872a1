"""Which networks are at work, and whether those that judge had a part in the training of the one that is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch

from data.files import sha256
from data.weights import builtin, load_network, resolve
from data.world import device_of
from evaluation.studio import Setup
from faces.identity import KINDS


def open_setup(
    network: str,
    generator: str | None,
    embedder: str,
    psi: float,
    device: str | None,
    hair: str = "none",
    force: bool = False,
) -> Setup:
    """The network files to work with; ValueError when the scorer is not independent of the network's training, unless
    forced. embedder, hair: names that `embedder_file` takes, hair also "none". A hair descriptor may have trained the
    network; the report then says so.
    """
    there = device_of(device)
    scorer, net = embedder_file(embedder), resolve(network, "hairnet")
    descriptor = None if hair == "none" else embedder_file(hair, "hair")
    config = load_network(net)[1]
    reason = dependence(scorer, net, config)
    if reason is not None and not force:
        raise ValueError(
            f"--embedder {scorer} cannot be the judge, since {reason}: give a face embedder that no loss has used, or "
            "--force true for figures that are marked as not independent"
        )
    try:
        own = resolve(generator or config["generator"]["name"], "generator")
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"--network {net} does not name its generator; give a network that hairnet.train wrote"
        ) from error
    return Setup(own, scorer, net, float(psi), str(there), descriptor)


def embedder_file(name: str | Path, role: Literal["embedder", "hair"] = "embedder") -> Path:
    """The file that judges faces or hair: "builtin" is the shipped one of that role, builtin-loss and builtin-hair are
    those, all else is a path."""
    kind = role if str(name) == "builtin" else KINDS.get(str(name))
    return resolve(name, role) if kind is None else builtin(kind)


def dependence(scorer: Path, network: Path, config: dict[str, Any]) -> str | None:
    """Why a loss may have used the scoring embedder, so that its figure would show the training, not the transfer."""
    digest = sha256(scorer)
    # Only our own files say what they are for; a published face network is taken at its word.
    kind = load_network(scorer)[1]["kind"] if scorer.suffix == ".safetensors" else "embedder"
    if digest in str(config):  # the config names, by sha256, all that the network was trained with
        return f"{network} was trained with it"
    if digest == loss_digest():
        return "it is the built-in network of the losses"
    if kind != "embedder":
        return f"it is of kind {kind}, not embedder"
    return None


def loss_digest() -> str | None:
    """sha256 of the shipped embedder of the losses, None where none is shipped."""
    try:
        return sha256(builtin("embedder-loss"))
    except FileNotFoundError:
        return None


def judge_of(title: str, file: Path, setup: Setup) -> dict[str, Any]:
    """What a report says about a judge: what it is, its sha256, and whether the network was trained with it."""
    digest = sha256(file)
    trained = digest in str(load_network(setup.network)[1]) or digest == loss_digest()
    return {"title": title, "sha256": digest, "trained_with": trained}


def facts_of(setup: Setup) -> dict[str, Any]:
    """All that the embedding of a seed depends on."""
    hair = {} if setup.hair is None else {"hair_sha256": sha256(setup.hair)}
    return {
        "generator_sha256": sha256(setup.generator),
        "embedder_sha256": sha256(setup.embedder),
        **hair,
        "psi": setup.psi,
        "micro_batch": setup.micro_batch,
        "device": setup.device.split(":")[0],
        "torch": str(torch.__version__),
    }
