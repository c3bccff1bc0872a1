"""Hair between hair, in the photo: from the face's own to a donor's, between several donors', colour or shape alone.

Every head of hair is a source, the photo's own among them. Sheets (hairnet.photo.strands) move each source's hair into
the shape of each other one; between shapes the sheets are mixed, so that all sources meet in one shape that changes
smoothly with the weights, and there their strands are mixed. With all the weight on one donor it is the transfer, with
all of it on the photo's own hair the photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from PIL import Image

from faces.parsing import Parser
from hairnet.mix import Take, check_strength, checked_weights
from hairnet.photo.canvas import CROP, WORK, Canvas, in_crop, scaled
from hairnet.photo.composite import Blend, Composite, Strands, lay, read_generated
from hairnet.photo.outline import depth, mean_depth, solid
from hairnet.photo.recolour import Colours, mixed, recolour
from hairnet.photo.strands import GRID, Hair, carried, carry, fit_sheet, hair_colours, network_hair, sidelight
from hairnet.photo.uncover import uncover

NOWHERE = 0.02  # share of its weight that hair keeps where it is not
ALONE = 4.0  # hair with more than 1 - 1/ALONE of the weight is nearly alone


class Source:
    """One head of hair: where it is and its strands without what shines through from behind."""

    def __init__(self, canvas: Canvas, light: np.ndarray | float = 1.0, drawn: bool = False) -> None:
        self.canvas = canvas
        self.light = light
        self.drawn = drawn

    @cached_property
    def pure(self) -> np.ndarray:
        """(S,S,3): the strands."""
        return self.canvas.pixels if self.drawn else hair_colours(self.canvas)

    @cached_property
    def colours(self) -> Colours | None:
        """Of the strands, averaged to a common scale."""
        return Colours.of(scaled(self.pure, WORK), scaled(self.canvas.hair, WORK))


class Morph:
    """A photo, donors of hair, and every mixture of their hair; what is costly is done once, when first needed."""

    def __init__(
        self,
        face: Canvas,
        donors: Sequence[Canvas],
        pictures: Sequence[Image.Image],
        parser: Parser,
        strands: Strands = "photo",
    ) -> None:
        """
        Args:
            face: the photo
            donors: K photos that show hair
            pictures: K generated crops, each of the photo's face with a donor's hair: they say the shapes
            parser: reads the generated crops
            strands: "photo" or "network", as for `composite`
        """
        assert len(donors) == len(pictures) > 0, f"{len(donors)} donors, {len(pictures)} generated crops"
        self.face, self.donors, self.pictures = face, list(donors), list(pictures)
        read = [read_generated(picture, parser) for picture in pictures]
        self._behind = [uncover(face, *one) for one in read]
        self.wanted = [scaled(face.hair, WORK) * face.inside, *(network_hair(made) for made, _ in read)]
        self._own_shape = {0}  # sources that have the shape wanted of them
        self.sources = [Source(face)]
        if strands == "photo":
            self.sources += [Source(donor, sidelight(donor, face)) for donor in donors]
        else:
            within = in_crop(np.ones((CROP, CROP), np.float32))
            for wanted, (_, pixels) in zip(self.wanted[1:], read, strict=True):
                picture, matte = scaled(in_crop(pixels), face.side), scaled(wanted * within, face.side)
                self.sources.append(Source(replace(face, pixels=picture, hair=matte, inside=within), drawn=True))
            self._own_shape = set(range(len(self.sources)))
        self._sheets: dict[tuple[int, int], torch.Tensor] = {}

    def at(
        self,
        weights: Sequence[float] | np.ndarray | None = None,
        strength: float = 1.0,
        take: Take = "all",
        blend: Blend = "alpha",
    ) -> Composite:
        """The photo with hair in between.

        Args:
            weights: K numbers from 0 that sum to 1, how much of each donor; None: all of the first
            strength: 0 the photo's own hair, 1 the donors', up to mix.STRONGEST
            take: "all"; "colour": the photo's own strands recoloured; "shape": the donors' hair in the photo's colour
            blend: "alpha", "multiband" or "poisson"; for colour alone they are the same
        """
        check_strength(strength)
        shares = checked_weights(weights, len(self.donors))
        fill = sum(w * one for w, (one, _) in zip(shares, self._behind, strict=True))
        gone = sum(w * one for w, (_, one) in zip(shares, self._behind, strict=True))
        bald = self.face.pixels + gone[..., None] * (fill - self.face.pixels)
        if take == "colour" or strength == 0:
            return self._composite(*self._recoloured(shares, strength), bald, shares, self.wanted[0])
        whole = np.array([1 - strength, *(strength * shares)])
        hair = self._hair(whole, take)
        picture, mask = lay(hair, bald, gone, blend)
        if whole[0] > 0:
            picture, mask = self._with_what_was_lost(picture, mask, bald, whole)
        wanted = sum(w * shape for w, shape in zip(whole, self.wanted, strict=True))
        return self._composite(picture, mask, hair, bald, shares, np.clip(wanted, 0, 1))

    def _recoloured(self, shares: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray, Hair]:
        """The photo with its own hair in the donors' colours: picture, where it changed, and the hair."""
        own, matte = self.sources[0], self.face.hair
        pixels = own.pure
        wanted = self._colours(shares)
        if own.colours is None or wanted is None or strength == 0:
            return self.face.pixels, np.zeros_like(matte), Hair(pixels, matte, self.face.pixels)
        pixels = recolour(pixels, own.colours, own.colours.towards(wanted, strength), matte)
        picture = self.face.pixels + matte[..., None] * (pixels - own.pure)
        return picture, matte, Hair(pixels, matte, self.face.pixels)

    def _hair(self, whole: np.ndarray, take: Take) -> Hair:
        """The mixture of all sources, by weights (1 + K,) that sum to 1; only the first may be below 0."""
        share = np.clip(whole, 0, 1) / np.clip(whole, 0, 1).sum()
        wanted = np.clip(sum(w * shape for w, shape in zip(whole, self.wanted, strict=True)), 0, 1)
        own = self.sources[0].colours
        pixels, matte, around, means = [], [], [], []
        for k in np.flatnonzero(share > 0).tolist():
            source = self.sources[k]
            one = carried(source.canvas, source.pure, source.light, self._sheet(k, whole), wanted, self.face.side)
            strands, colours = one.pixels, source.colours
            if colours is not None and own is not None:
                if take == "shape" and k > 0:
                    strands = recolour(strands, colours, own, one.matte)
                elif take == "all" and whole[0] < 0:
                    strands = recolour(strands, colours, own.towards(colours, whole[1:].sum()), one.matte)
            pixels.append(strands)
            matte.append(one.matte)
            around.append(one.around)
            covered = one.matte[..., None]
            means.append((strands * covered).sum((0, 1)) / (covered.sum() + 1e-6))
        share = share[share > 0].astype(np.float32)
        whole_matte, local = _together(matte, share)
        # Strands of several sources over each other would grey out; so their contrasts are scaled to stay as strong
        # (Heitz and Neyret 2018, eq. 3).
        mean = sum(w[..., None] * m for w, m in zip(local, means, strict=True))
        contrast = sum(w[..., None] * (p - m) for w, p, m in zip(local, pixels, means, strict=True))
        together = mean + contrast / np.sqrt(sum(w * w for w in local))[..., None]
        return Hair(
            np.clip(together, 0, 255).astype(np.float32),
            whole_matte,
            np.asarray(sum(w * a for w, a in zip(share, around, strict=True)), np.float32),
        )

    def _with_what_was_lost(
        self, picture: np.ndarray, mask: np.ndarray, bald: np.ndarray, whole: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Adds what no matte holds of the photo's own hair (loose strands, its shadow), as much as there is of it."""
        near = whole[0] * (1 - _far(whole[:1]))  # what is lost fits the own matte alone
        rest = np.float32(near) * lost(self.face, self.sources[0].pure, bald, self._sheet(0, whole))
        return (picture + rest).clip(0, 255), np.maximum(mask, (np.abs(rest).max(-1) > 0.5).astype(np.float32))

    def _sheet(self, source: int, whole: np.ndarray) -> torch.Tensor:
        """(1,2,GRID,GRID): from the mixed shape to a source's hair."""
        total = torch.zeros(1, 2, GRID, GRID)
        for target in np.flatnonzero(whole != 0).tolist():
            if target == source and source in self._own_shape:
                continue
            key = (source, target)
            if key not in self._sheets:
                self._sheets[key] = fit_sheet(self.sources[source].canvas, self.face, self.wanted[target])
            total += float(whole[target]) * self._sheets[key]
        return total

    def _colours(self, shares: np.ndarray) -> Colours | None:
        """Of the donors together; None when one of them shows hardly any hair."""
        used = [(source.colours, share) for source, share in zip(self.sources[1:], shares, strict=True) if share > 0]
        known = [colours for colours, _ in used if colours is not None]
        return mixed(known, np.array([share for _, share in used])) if len(known) == len(used) else None

    def _composite(
        self,
        picture: np.ndarray,
        mask: np.ndarray,
        hair: Hair,
        bald: np.ndarray,
        shares: np.ndarray,
        wanted: np.ndarray,
    ) -> Composite:
        first = int(np.argmax(shares))
        return Composite(picture, mask, self.donors[first], self.face, self.pictures[first], wanted, bald, hair)


def lost(face: Canvas, pure: np.ndarray, bald: np.ndarray, shifts: torch.Tensor) -> np.ndarray:
    """(S,S,3) what is missing when the photo's hair is laid on the photo without it, moved along with the hair."""
    again = bald + face.hair[..., None] * (pure - bald)
    return carry(face.pixels - again, shifts, face.side)


def _far(share: np.ndarray) -> float:
    """From 0, one of the shares is everything, to 1, none of them is nearly alone."""
    return min(1.0, ALONE * (1 - float(share.max())))


def _together(mattes: list[np.ndarray], share: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """One matte (S,S) of several by their shares, and each one's local share (S,S), more of it where it has hair.

    Where one has hair and another none, half of each would be a ghost; there the shape between them decides. Close to a
    single one it gives way to that one's own matte, loose strands and all.
    """
    side, dissolved = len(mattes[0]), sum(w * m for w, m in zip(share, mattes, strict=True))
    if len(mattes) == 1:
        return mattes[0], [np.ones((side, side), np.float32)]
    depths = [depth(scaled(m, WORK)) for m in mattes]
    present = [scaled(solid(deep), side) + NOWHERE for deep in depths]
    total = sum(w * one for w, one in zip(share, present, strict=True))
    local = [(w * one / total).astype(np.float32) for w, one in zip(share, present, strict=True)]
    shaped = sum(w * m for w, m in zip(local, mattes, strict=True)) * scaled(solid(mean_depth(depths, share)), side)
    return np.asarray(dissolved + _far(share) * (shaped - dissolved), np.float32), local
