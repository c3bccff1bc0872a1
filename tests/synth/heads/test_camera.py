"""Head and shoulders seen by the camera."""

import torch

from synth.heads.camera import aim
from synth.heads.factors import Pose


def test_a_view_of_all_points_is_that_of_the_head_and_that_of_the_body():
    eyes = torch.tensor([[-3.0, 3.0], [0.0, 0.0], [7.0, 7.0]])
    mouth = torch.tensor([[-2.0, 2.0], [-6.0, -6.0], [8.0, 8.0]])
    camera = aim(Pose(yaw=0.8, pitch=0.3), eyes, mouth)
    random = torch.Generator().manual_seed(0)
    points, normals = (torch.randn(3, 20, generator=random) for _ in range(2))
    for body_from in (0, 12, 20):
        seen, turned = camera.view_all(points, normals, body_from)
        head, body = points[:, :body_from], points[:, body_from:]
        assert torch.allclose(seen, torch.cat([camera.view(head), camera.view(body, body=True)], 1), atol=1e-5)
        expected = torch.cat([camera.head @ normals[:, :body_from], camera.body @ normals[:, body_from:]], 1)
        assert torch.allclose(turned, expected, atol=1e-6)
    assert not torch.allclose(camera.view(points), camera.view(points, body=True), atol=0.1)
