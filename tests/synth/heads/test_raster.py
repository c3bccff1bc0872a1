"""The z-buffer and the noise beneath the pictures."""

import pytest
import torch

from synth.heads.maths import noise, stream
from synth.heads.raster import FAR, ZBuffer


def points(*values: float) -> torch.Tensor:
    return torch.tensor(values)


def splat(buffer: ZBuffer, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor, visible, dab: str) -> None:
    """Points whose x and y are pixels already."""
    buffer.splat(torch.stack([x, y, z]), lambda seen: (seen[0], seen[1]), visible, dab)


def test_the_nearest_point_wins():
    buffer = ZBuffer(8)
    splat(buffer, points(2.0, 2.0), points(3.0, 3.0), points(1.0, 2.0), torch.tensor([True, True]), "line")
    pixel, index = buffer.winners()
    assert pixel.tolist() == [3 * 8 + 2, 3 * 8 + 3]
    assert index.tolist() == [1, 1]


def test_points_outside_or_hidden_leave_nothing():
    buffer = ZBuffer(8)
    seen = torch.tensor([True, True, False])
    splat(buffer, points(-3.0, 50.0, 4.0), points(4.0, 4.0, 4.0), points(0.0, 0.0, 0.0), seen, "square")
    assert len(buffer.winners()[0]) == 0


def test_a_crack_one_pixel_wide_is_closed():
    buffer = ZBuffer(8)
    columns = torch.arange(7).repeat(2).float()
    rows = torch.tensor([1.0, 4.0]).repeat_interleave(7)
    splat(buffer, columns, rows, torch.full((14,), -9.0), None, "square")  # far behind
    for row in (1.0, 3.0):
        splat(buffer, columns[:7], torch.full((7,), row), torch.zeros(7), None, "line")
    pixel, index = buffer.winners()
    between = index[(pixel // 8) == 2]
    assert (between >= 14).all()  # the front points of row 1 or 3, not what lies behind


@pytest.mark.parametrize("dab", ["square", "line", "thin"])
def test_blocks_do_not_show(dab, monkeypatch):
    """Points in blocks, dabs spread at the end, against every point at every pixel that its dab covers."""
    monkeypatch.setattr("synth.heads.raster.BLOCK", 7)
    monkeypatch.setattr("synth.heads.raster.CRACK", FAR)  # no crack is closed
    side, n = 12, 50
    x, y, z = (torch.rand(3, n, generator=stream(3, 1)) * 14 - 1).unbind()
    visible = torch.rand(n, generator=stream(3, 2)) > 0.2
    buffer = ZBuffer(side)
    splat(buffer, x, y, z - 40, visible, dab)
    nearest, covered = {}, 0
    for number in range(n):
        column, row = int(x[number]), int(y[number])
        if not visible[number] or column >= side - 1 or row >= side - 1:
            continue
        wide = 2 if dab != "thin" or covered % 2 == 0 else 1
        covered += 1
        for pixel in {(row + down, column + right) for down in range(1 + (dab == "square")) for right in range(wide)}:
            if pixel not in nearest or z[number] > z[nearest[pixel]]:
                nearest[pixel] = number
    pixel, index = buffer.winners()
    assert dict(zip([divmod(p, side) for p in pixel.tolist()], index.tolist(), strict=True)) == nearest


def test_noise_is_one_field_at_every_resolution():
    small, large = (noise(stream(5, 1), n, n, 6, 2) for n in (33, 65))
    assert torch.allclose(small, large[::2, ::2], atol=1e-4)
