"""The photo's own hair, changed as the generated picture's hair changes: in colour, or in shape.

Only the change is taken over, for the generated hair is never quite the photo's: without a change the photo stays.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from faces.parsing import Parser
from hairnet.photo.canvas import WORK, Canvas, scaled
from hairnet.photo.composite import Composite, lay, read_generated
from hairnet.photo.matte import HAIR
from hairnet.photo.morph import lost
from hairnet.photo.outline import depth, solid
from hairnet.photo.recolour import Colours, recolour
from hairnet.photo.strands import Hair, carried, fit_sheet, hair_colours, network_hair
from hairnet.photo.uncover import uncover


def in_colour(face: Canvas, before: Image.Image, after: Image.Image, parser: Parser) -> Composite:
    """The photo with its hair recoloured by what the mean colour changes between two generated crops."""
    pure = hair_colours(face)
    own = Colours.of(scaled(pure, WORK), scaled(face.hair, WORK))
    drawn = [
        Colours.of(pixels, made[HAIR]) for made, pixels in (read_generated(one, parser) for one in (before, after))
    ]
    pixels, mask = pure, np.zeros_like(face.hair)
    if own is not None and drawn[0] is not None and drawn[1] is not None and before != after:
        change = drawn[1].mean - drawn[0].mean
        pixels, mask = recolour(pure, own, Colours(own.mean + change, own.covariance), face.hair), face.hair
    picture = face.pixels + face.hair[..., None] * (pixels - pure)
    wanted = scaled(face.hair, WORK)
    return Composite(picture, mask, face, face, after, wanted, face.pixels, Hair(pixels, face.hair, face.pixels))


def in_shape(face: Canvas, before: Image.Image, after: Image.Image, parser: Parser) -> Composite:
    """The photo with its own strands moved into a shape that differs from theirs as two generated crops differ."""
    shown = scaled(face.hair, WORK) * face.inside
    if before == after:
        nothing = np.zeros_like(face.hair)
        hair = Hair(hair_colours(face), face.hair, face.pixels)
        return Composite(face.pixels, nothing, face, face, after, shown, face.pixels, hair)
    made, made_pixels = read_generated(after, parser)
    wanted = changed_shape(shown, network_hair(read_generated(before, parser)[0]), network_hair(made))
    fill, gone = uncover(face, made, made_pixels)
    bald = face.pixels + gone[..., None] * (fill - face.pixels)
    pure, shifts = hair_colours(face), fit_sheet(face, face, wanted)
    hair = carried(face, pure, 1.0, shifts, wanted, face.side)
    picture, mask = lay(hair, bald, gone)
    rest = lost(face, pure, bald, shifts)
    mask = np.maximum(mask, (np.abs(rest).max(-1) > 0.5).astype(np.float32))
    return Composite((picture + rest).clip(0, 255), mask, face, face, after, wanted, bald, hair)


def changed_shape(own: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(W,W) in [0, 1]: `own` with its outline moved as far as that of `before` moved to `after`."""
    return solid(depth(own) + depth(after) - depth(before))
