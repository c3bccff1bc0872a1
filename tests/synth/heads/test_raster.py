"""The z-buffer and the noise beneath the pictures."""

import torch

from synth.heads.maths import noise, stream
from synth.heads.raster import ZBuffer


def points(*values: float) -> torch.Tensor:
    return torch.tensor(values)


def test_the_nearest_point_wins():
    buffer = ZBuffer(8)
    buffer.splat(points(2.0, 2.0), points(3.0, 3.0), points(1.0, 2.0), torch.tensor([True, True]), "line")
    pixel, index = buffer.winners()
    assert pixel.tolist() == [3 * 8 + 2, 3 * 8 + 3]
    assert index.tolist() == [1, 1]


def test_points_outside_or_hidden_leave_nothing():
    buffer = ZBuffer(8)
    seen = torch.tensor([True, True, False])
    buffer.splat(points(-3.0, 50.0, 4.0), points(4.0, 4.0, 4.0), points(0.0, 0.0, 0.0), seen, "square")
    assert len(buffer.winners()[0]) == 0


def test_a_crack_one_pixel_wide_is_closed():
    buffer = ZBuffer(8)
    columns = torch.arange(7).repeat(2).float()
    rows = torch.tensor([1.0, 4.0]).repeat_interleave(7)
    buffer.splat(columns, rows, torch.full((14,), -9.0), None, "square")  # far behind
    for row in (1.0, 3.0):
        buffer.splat(columns[:7], torch.full((7,), row), torch.zeros(7), None, "line")
    pixel, index = buffer.winners()
    between = index[(pixel // 8) == 2]
    assert (between >= 14).all()  # the front points of row 1 or 3, not what lies behind


def test_noise_is_one_field_at_every_resolution():
    small, large = (noise(stream(5, 1), n, n, 6, 2) for n in (33, 65))
    assert torch.allclose(small, large[::2, ::2], atol=1e-4)
