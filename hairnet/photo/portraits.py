"""What goes into a transfer between photos, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from PIL import Image
from torch import Tensor

from faces import Aligned
from faces.parsing import Parser
from hairnet.photo.canvas import Canvas
from hairnet.photo.composite import Composite


class Portrait:
    """An aligned photo and, once it is asked for, its canvas; kept, so that many transfers read a photo once."""

    def __init__(self, aligned: Aligned, parser: Parser) -> None:
        self.aligned = aligned
        self.parser = parser

    @cached_property
    def canvas(self) -> Canvas:
        return Canvas.read(self.aligned, self.parser)


@dataclass(frozen=True)
class Result:
    """A transfer between photos."""

    photo: Image.Image  # the face donor's whole photo with the new hair
    image: Image.Image  # its FFHQ crop, (S, S) px at the photo's resolution (at most 1024)
    generated: Image.Image  # what the generator made, (R, R) px
    ws: Tensor  # (1, num_ws, w_dim): the code of it
    composite: Composite | None  # what the photo was made of; None for blend "none"
