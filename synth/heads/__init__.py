"""A procedural head renderer: `render(Head.sample(seed), size)` gives a picture and all that is known of it."""

from synth.heads.factors import FACTOR_NAMES, Expression, Hair, Head, Identity, Light, Pose, Scene
from synth.heads.labels import NAMES as LABEL_NAMES
from synth.heads.render import Render, render, render_poses
from synth.heads.styles import STYLES, style_name

__all__ = [
    "FACTOR_NAMES", "LABEL_NAMES", "STYLES", "Expression", "Hair", "Head", "Identity", "Light", "Pose", "Render",
    "Scene", "render", "render_poses", "style_name",
]  # fmt: skip
