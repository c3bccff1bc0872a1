"""A person and the hair that they could wear: every use of the network on photos, whatever the weights and strengths.

    look = net.look(face, [hair_a, hair_b])           # portraits: aligned photos
    look.at([0.5, 0.5]).photo                         # hair between a and b
    look.at(strength=0.3).photo                       # a third of the way from the person's own hair to a
    look.at(take="colour").photo                      # the person's own hair in a's colour

What is costly (encoding, drawing, fitting hair into shapes) is done once, so that a slider can follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from data.images import to_tensor, to_uint8
from hairnet.mix import Take, between, by_layers, check_strength, checked_weights, stronger
from hairnet.photo.composite import Blend, Strands
from hairnet.photo.morph import Morph
from hairnet.photo.portraits import Portrait, Result
from hairnet.steering import Steering

if TYPE_CHECKING:
    from hairnet.model import HairNet


class Look:
    """Results of a network for one face and K photos of hair."""

    def __init__(self, net: HairNet, face: Portrait, hairs: Sequence[Portrait]) -> None:
        assert hairs, "a look needs hair"
        self.net, self.face, self.hairs = net, face, list(hairs)
        self._morphs: dict[Strands, Morph] = {}

    @cached_property
    def face_embedding(self) -> Tensor:
        """(1, ...)."""
        return self._encode([self.face], self.net.encode_face)

    @cached_property
    def own_hair(self) -> Tensor:
        """(1, ...): of the hair in the face's photo."""
        return self._encode([self.face], self.net.encode_hair)

    @cached_property
    def hair_embeddings(self) -> Tensor:
        """(K, ...)."""
        return self._encode(self.hairs, self.net.encode_hair)

    @cached_property
    def _steering(self) -> Steering | None:
        """By which colour and shape are told apart; None where a network has none: then layers do, less well.

        A damaged file, or another network's, is an error: layers would give something else than was asked for.
        """
        return self.net.steering if self.net.steerable else None

    @torch.no_grad()
    def codes(
        self, weights: Sequence[float] | np.ndarray | None = None, strength: float = 1.0, take: Take = "all"
    ) -> Tensor:
        """ws (1, num_ws, w_dim) of the mixture; arguments as for `at`."""
        hair = between(self.hair_embeddings, checked_weights(weights, len(self.hairs))[None])
        if take == "all" and strength == 1:
            return self.net.decode(self.face_embedding, hair)
        if take == "all" or self._steering is not None:
            wanted = hair if self._steering is None else self._steering.take(self.own_hair, hair, take)
            return self.net.decode(self.face_embedding, stronger(self.own_hair, wanted, strength))
        own = self.net.decode(self.face_embedding, self.own_hair)
        return by_layers(own, self.net.decode(self.face_embedding, stronger(self.own_hair, hair, strength)), take)

    def at(
        self,
        weights: Sequence[float] | np.ndarray | None = None,
        strength: float = 1.0,
        take: Take = "all",
        blend: Blend = "alpha",
        strands: Strands = "photo",
    ) -> Result:
        """The person with hair in between.

        Args:
            weights: K numbers from 0 that sum to 1, how much of each hair; None: all of the first
            strength: 0 the person's own hair (with a blend: the photo itself), 1 the others', up to mix.STRONGEST
            take: "all"; "colour": their own hair in the others' colour; "shape": the others' hair in their own colour
            blend, strands: as for HairNet.transfer
        """
        check_strength(strength)
        ws = self.codes(weights, strength, take)
        generated = self._picture(ws)
        if blend == "none":
            return Result(self.face.aligned.to_photo(generated), generated, generated, ws, None)
        made = self._morph(strands).at(weights, strength, take, blend)
        return Result(
            self.face.canvas.to_photo(self.face.aligned, made.picture, made.mask), made.crop, generated, ws, made
        )

    def _morph(self, strands: Strands) -> Morph:
        if strands not in self._morphs:
            count = len(self.hairs)
            pictures = [self._picture(self.codes(one)) for one in np.eye(count)]
            donors = [hair.canvas for hair in self.hairs]
            self._morphs[strands] = Morph(self.face.canvas, donors, pictures, self.face.parser, strands)
        return self._morphs[strands]

    def _picture(self, ws: Tensor) -> Image.Image:
        return Image.fromarray(to_uint8(self.net.pictures(ws))[0])

    @torch.no_grad()
    def _encode(self, portraits: Sequence[Portrait], encode: Callable[[Tensor, np.ndarray], Tensor]) -> Tensor:
        # one by one: photos' embeddings do not depend on what else there is
        parts = [encode(to_tensor(np.array(one.aligned.image)[None]), one.aligned.points[None]) for one in portraits]
        return torch.cat(parts)
