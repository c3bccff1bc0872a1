"""Which networks are at work, and whether those that judge had a part in the training of the one that is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch

from data.files import read_json, sha256
from data.weights import INDEX, WEIGHTS, builtin, load_network, resolve
from data.world import device_of
from evaluation.provenance import programs_sha256
from evaluation.studio import Setup
from faces.identity import KINDS, SCORERS, kind_of
from synth.formats import is_own

Role = Literal["embedder", "hair", "parser", "perceptual"]
SLOTS = {"embedder": "identity", "hair": "hair", "parser": "parser"}  # where a recipe tells the sha256 of its judges


def open_setup(
    network: str,
    generator: str | None,
    embedder: str,
    psi: float,
    device: str | None,
    hair: str = "none",
    force: bool = False,
    corrections: int = 0,
) -> Setup:
    """The network files to work with; ValueError when the scorer is not independent of the network's training, unless
    forced. embedder, hair: names that `embedder_file` takes, hair also "none". A hair descriptor may have trained the
    network; the report then says so.
    """
    there = device_of(device)
    scorer, net = embedder_file(embedder), resolve(network, "hairnet")
    descriptor = None if hair == "none" else embedder_file(hair, "hair")
    config = config_of(net)
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
    return Setup(own, scorer, net, float(psi), str(there), descriptor, corrections)


def embedder_file(name: str | Path, role: Literal["embedder", "hair"] = "embedder") -> Path:
    """The file that judges faces or hair: "builtin" is the shipped one that only scores in that role, the other names
    of faces.identity are those, all else is a path."""
    kind = SCORERS[SLOTS[role]] if str(name) == "builtin" else KINDS.get(str(name))
    return resolve(name, role) if kind is None else builtin(kind)


def config_of(network: Path) -> dict[str, Any]:
    """What a HairNet's file says of itself; the published one (best_model.pt) tells nothing but holds its generator."""
    if is_own(network) or network.suffix == ".safetensors":
        return load_network(network)[1]
    return {"generator": {"name": str(network)}}


def dependence(scorer: Path, network: Path, config: dict[str, Any]) -> str | None:
    """Why a loss may have used the scoring embedder, so that its figure would show the training, not the transfer."""
    digest = sha256(scorer)
    # Only our own files say what they are for; a published face network is taken at its word.
    kind = kind_of(scorer) or "embedder"
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


def judge_of(title: str, file: Path, setup: Setup, role: Role = "embedder") -> dict[str, Any]:
    """What a report says about a judge: what it is, its sha256, and whether the network was trained with it."""
    return {"title": title, "sha256": sha256(file), "trained_with": trained_with(file, role, config_of(setup.network))}


def trained_with(file: Path, role: Role, config: dict[str, Any]) -> bool | None:
    """Whether the training that `config` tells of used the judge; None where nobody knows."""
    digest, recipe = sha256(file), config.get("recipe")
    if digest in str(config) or digest == loss_digest():
        return True
    if not isinstance(recipe, dict) or not isinstance(recipe.get("identity"), str):
        return None  # every training of ours tells its judges, that of a published network none
    if role == "perceptual":
        return False  # told wherever there was one
    if SLOTS[role] not in recipe:
        return None
    told = recipe[SLOTS[role]]
    # A file that is not shipped (any more) may be an earlier version of this built-in, and no other judge at all.
    # Kinds that only score are an exception: hairnet.train refuses them as a loss, in every version.
    if kind_of(file) in SCORERS.values():
        return False
    return None if digest in shipped() and told is not None and told not in shipped() else False


def shipped() -> set[str]:
    """The sha256 of all networks of data/weights."""
    return {record["sha256"] for record in read_json(WEIGHTS / INDEX).values()}


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
        "programs": programs_sha256("studio.py"),
    }
