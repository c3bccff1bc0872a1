"""Geometry of the latent space: attribute measurement, linear fits, calibrated edits, same-hair pairs."""

from directions.direction import Direction, load_direction, load_directions

__all__ = ["Direction", "load_direction", "load_directions"]
