"""Face pictures from noise: StyleGAN2, its checkpoint formats, sampling into shards, and a renderer of heads."""

from synth.generator import load_generator
from synth.seeds import latents, mix

__all__ = ["latents", "load_generator", "mix"]
