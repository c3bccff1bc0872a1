"""The trained network together with its frozen generator: crops in, codes or a finished transfer out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from data.images import to_tensor, to_uint8
from data.weights import load_network as read_network
from data.weights import resolve, save_network
from data.world import device_of
from faces import align
from faces.landmarks import PoseNetwork, load_pose_network
from faces.parsing import Parser, load_parser
from hairnet.looks import Look
from hairnet.mix import Take
from hairnet.network import Network, arch_of, new_network
from hairnet.photo.composite import Blend, Strands, composite
from hairnet.photo.portraits import Portrait, Result
from hairnet.split import face_part, find_points, hair_part, masks_of, placed_at, resize
from hairnet.steering import FILE, Steering, load_steering
from hairnet.subrtova import read_hulls, read_published
from synth import load_generator
from synth.formats import is_own

LANDMARKS = "landmarks"  # config["split"] of published networks: the hull of 68 landmarks, whatever points are known


class HairNet:
    """Transfers hair between aligned crops. Build it with `load_network`; nothing in it is trained any further.

    Pictures are whole FFHQ crops (N,3,H,W) in [-1, 1], of any size; points (N,5,2) are in their pixels and are
    detected when None. An embedding is (N, embedding) and can be kept: `decode` mixes kept ones at will.
    """

    def __init__(self, network: Network, generator: Any, config: dict[str, Any], file: Path | None = None) -> None:
        self.network = network.eval().requires_grad_(False)
        self.generator = generator
        self.config = config
        self.file = file

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def encode_face(self, face: Tensor, points: np.ndarray | None = None) -> Tensor:
        """Embedding (N, embedding) of the inner faces."""
        images, masks = self._see(face, points)
        return self.network.face(face_part(images, masks))

    def encode_hair(self, hair: Tensor, points: np.ndarray | None = None) -> Tensor:
        """Embedding (N, embedding) of all but the inner faces."""
        images, masks = self._see(hair, points)
        return self.network.hair(hair_part(images, masks))

    def decode(self, face: Tensor, hair: Tensor) -> Tensor:
        """Embeddings -> ws (N, num_ws, w_dim) for `generator.synthesis`."""
        return self.network.fusion(face, hair)

    @torch.no_grad()
    def corrected(self, ws: Tensor, points: np.ndarray | None = None, times: int = 1) -> Tensor:
        """ws (N, num_ws, w_dim) -> those whose pictures the network reads as `ws`, more nearly after each of `times`.

        An encoder answers what it is not sure of with less than is there, so small traits of a face fade. The network
        makes the same mistake on its own picture, where it can be seen: what is read there falls short of `ws` by what
        `ws` falls short of the photos. A fixed-point step, as iterative encoders take it (ReStyle, Alaluf et al. 2021),
        with one network and no training; each costs a picture and two encodings. points (N,5,2): of the faces, in the
        pictures' pixels; None: detected.
        """
        aim = ws
        for _ in range(times):
            picture = self.pictures(ws)
            known = find_points(picture) if points is None else points
            ws = ws + aim - self.decode(self.encode_face(picture, known), self.encode_hair(picture, known))
        return ws

    @torch.no_grad()
    def codes(
        self,
        face: Tensor,
        hair: Tensor,
        face_points: np.ndarray | None = None,
        hair_points: np.ndarray | None = None,
        corrections: int = 0,
    ) -> Tensor:
        """Crops whose face, and whose hair, the result shall have -> ws (N, num_ws, w_dim), `corrected` so many times.

        One correction keeps more of the person and a little less of the hair, in pictures as the generator draws them.
        """
        if face_points is None and corrections and self.config.get("split") != LANDMARKS:
            face_points = find_points(face)
        ws = self.decode(self.encode_face(face, face_points), self.encode_hair(hair, hair_points))
        if face_points is not None:  # the result's face lies where the face donor's does
            face_points = placed_at(face_points, face.shape[-1], self.generator.resolution)
        return self.corrected(ws, face_points, corrections)

    @torch.no_grad()
    def pictures(self, ws: Tensor) -> Tensor:
        """ws -> pictures (N,3,R,R), the generator's fixed noise."""
        return self.generator.synthesis(ws, noise="const").float().clamp(-1, 1)

    def transfer(
        self,
        hair: Image.Image,
        face: Image.Image,
        blend: Blend = "alpha",
        parser: Parser | None = None,
        strands: Strands = "photo",
        strength: float = 1.0,
        take: Take = "all",
    ) -> Result:
        """The hair of one photo on the face of another; ValueError when one of them shows no face.

        Args:
            hair, face: photos of any size
            blend: "alpha", "multiband" or "poisson" keep the face photo wherever no hair comes or goes; "none" lays the
                whole generated crop into it
            parser: finds the hair; None is the built-in one
            strands: "photo" takes the hair's pixels from the hair photo, "network" from the generated picture
            strength: from 0, the face's own hair, to 1, that of the hair photo, and up to 1.5
            take: "all", or only the "colour" or the "shape" of the hair
        """
        parser = parser or load_parser("builtin", self.device)
        donor, person = Portrait(align(hair), parser), Portrait(align(face), parser)
        return self.wear(donor, person, blend, strands, strength, take)

    def look(self, face: Portrait, hairs: Sequence[Portrait]) -> Look:
        """Everything that a person can wear of several photos' hair: for sliders, and for hair between hair."""
        return Look(self, face, hairs)

    def wear(
        self,
        hair: Portrait,
        face: Portrait,
        blend: Blend = "alpha",
        strands: Strands = "photo",
        strength: float = 1.0,
        take: Take = "all",
        corrections: int = 0,
    ) -> Result:
        """`transfer` between photos that are aligned already; `corrections` of whole transfers alone, see `codes`."""
        if strength != 1 or take != "all":
            if corrections:
                raise ValueError("corrections are for a whole transfer: leave strength and take out, or corrections")
            return self.look(face, [hair]).at(None, strength, take, blend, strands)
        face_crop, hair_crop = (to_tensor(np.array(one.aligned.image)[None]) for one in (face, hair))
        ws = self.codes(face_crop, hair_crop, face.aligned.points[None], hair.aligned.points[None], corrections)
        generated = Image.fromarray(to_uint8(self.pictures(ws))[0])
        if blend == "none":
            return Result(face.aligned.to_photo(generated), generated, generated, ws, None)
        made = composite(hair.canvas, face.canvas, generated, face.parser, blend, strands)
        photo = face.canvas.to_photo(face.aligned, made.picture, made.mask)
        return Result(photo, made.crop, generated, ws, made)

    @property
    def steerable(self) -> bool:
        """Whether a file of directions lies beside the network's."""
        return self.file is not None and self.file.with_name(FILE).is_file()

    @cached_property
    def steering(self) -> Steering:
        """Directions in the hair embedding: those beside the network's file; ValueError or OSError without any."""
        if self.file is None:
            raise ValueError(f"this network has no file, and so no {FILE} beside it: load it by load_network")
        return load_steering(self.file.with_name(FILE), self)

    @cached_property
    def _landmarks(self) -> PoseNetwork:
        return load_pose_network("builtin", self.device)

    def _see(self, images: Tensor, points: np.ndarray | None) -> tuple[Tensor, Tensor]:
        """Crops at the encoders' size, and their inner-face masks."""
        if self.config.get("split") == LANDMARKS:
            seen = resize(images.float().to(self.device), self.network.config.size)
            return seen, read_hulls(seen, self._landmarks).to(self.device)
        if points is None:
            points = find_points(images)
        masks = masks_of(points, images.shape[-1], self.network.config.raised)
        return resize(images.float().to(self.device), self.network.config.size), masks.to(self.device)


def save_hairnet(path: str | Path, network: Network, generator: dict[str, Any], recipe: dict[str, Any]) -> None:
    """Writes the network; `generator` names what it belongs to ({"name": "builtin" or a path, "sha256": ...})."""
    config = {"kind": "hairnet", "arch": arch_of(network), "network": network.config.asdict()}
    config |= {"generator": generator, "recipe": recipe}
    save_network(path, network.state_dict(), config)


def load_network(
    path: str | Path = "builtin", device: str | torch.device | None = None, generator: str | Path | None = None
) -> HairNet:
    """The network of a file that `hairnet.train` wrote, the built-in or the published one, with its generator.

    Args:
        path: "builtin", a .safetensors file of kind hairnet, or FG 2021's best_model.pt, of which nothing is executed
        device: "cpu", "cuda", ...; None takes CUDA where there is one
        generator: where the generator lies now; None takes the place that the file names (best_model.pt: itself)
    """
    file = resolve(path, "hairnet")
    if not is_own(file) and file.suffix != ".safetensors":
        return _load_published(file, device_of(device), generator)
    device = device_of(device)
    network, config = read_hairnet(file)
    named = config["generator"]
    G = load_generator(generator or named["name"], device)
    if G.sha256 != named["sha256"]:
        raise ValueError(
            f"{file} was trained with another generator than {generator or named['name']}: "
            f"give the one whose sha256 is {named['sha256']}"
        )
    return HairNet(network.to(device).to(memory_format=torch.channels_last), G, config, file)


def read_hairnet(file: Path) -> tuple[Network, dict[str, Any]]:
    """The network of a file that `save_hairnet` wrote, without its generator, and its config; ValueError for others."""
    tensors, config = read_network(file)
    if config["kind"] != "hairnet":
        raise ValueError(f"{file} is a network of kind {config['kind']}, not hairnet: give what hairnet.train wrote")
    try:
        config["generator"] = {name: str(config["generator"][name]) for name in ("name", "sha256")}
        arch, fields = config.get("arch", "hairnet"), dict(config["network"])
        if arch == "hairnet":
            fields.setdefault("raised", 0.0)  # as networks were taught before they could ask for another edge
        return _filled(arch, fields, tensors), config
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{file} says hairnet but does not hold one: train or fetch it again") from error


def _load_published(file: Path, device: torch.device, generator: str | Path | None) -> HairNet:
    """The network of a file in the layout of best_model.pt, by default with the decoder in it."""
    published = read_published(file)
    try:
        network = _filled("subrtova", published.config.asdict(), published.tensors)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{file} lacks parts of two IR-SE50 encoders and their fusion: fetch it again") from error
    G = load_generator(generator or file, device)
    if (G.num_ws, G.w_dim) != (network.config.num_ws, network.config.w_dim):
        raise ValueError(
            f"{generator or file} takes {G.num_ws} x {G.w_dim} numbers, but {file} makes {network.config.num_ws} x "
            f"{network.config.w_dim}: give the generator that it was trained with"
        )
    config = {"kind": "hairnet", "arch": "subrtova", "network": network.config.asdict(), "split": LANDMARKS}
    config |= {"generator": {"name": str(generator or file), "sha256": G.sha256}, "recipe": {"file": str(file)}}
    return HairNet(network.to(device).to(memory_format=torch.channels_last), G, config, file)


def _filled(arch: str, fields: dict[str, Any], tensors: dict[str, Tensor]) -> Network:
    """A network with its tensors; KeyError, TypeError, ValueError or RuntimeError when they do not fit."""
    with torch.device("meta"):  # shapes only, so that forged sizes cannot ask for memory
        network = new_network(arch, fields)
    network.load_state_dict(tensors, assign=True)
    return network
