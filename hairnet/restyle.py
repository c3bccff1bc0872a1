"""A photo with other hair: a generated crop goes into the whole photo in two layers, old hair off and new hair on.

Hair often reaches beyond the FFHQ crop, so the old hair is sought in a wider one around it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from faces import Aligned
from faces.align import crop_quad, inner_face
from faces.parsing import Parser
from hairnet.composite import SIDE, Layers, new_hair, remove_hair

MARGIN = 64  # px of an FFHQ crop of SIDE px, by which the wide crop is larger on every side


def restyle(face: Aligned, generated: Image.Image, donor: Image.Image, parser: Parser) -> Image.Image:
    """The face donor's whole photo with the hair of the generated crop.

    Args:
        face: the face donor, aligned
        generated: square crop of the same face with the new hair, of any size
        donor: FFHQ crop of the hair donor, whose tones the hair gets
        parser: finds hair in all of them
    """
    made = Layers.read(generated, parser)
    inner = inner_face((face.points + 0.5) * (SIDE / face.image.width) - 0.5, SIDE)
    centre = face.quad.mean(0)
    wide = replace(face, quad=centre + (1 + 2 * MARGIN / SIDE) * (face.quad - centre))
    around = Layers.read(crop_quad(face.source, wide.quad, SIDE + 2 * MARGIN), parser, SIDE + 2 * MARGIN)
    crop = Layers.read(crop_quad(face.source, face.quad, SIDE), parser)
    around.classes[:, MARGIN:-MARGIN, MARGIN:-MARGIN] = crop.classes  # the parser knows FFHQ crops best

    cleared = wide.to_photo(*_layer(*remove_hair(around, made, np.pad(inner, MARGIN))))
    return replace(face, source=cleared).to_photo(*_layer(*new_hair(made, Layers.read(donor, parser), inner)))


def _layer(pixels: np.ndarray, mask: np.ndarray) -> tuple[Image.Image, np.ndarray]:
    """Float pixels as an image, next to their mask."""
    return Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8)), mask
