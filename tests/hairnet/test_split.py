import numpy as np
import torch

from data.images import to_tensor
from faces.labels import LABEL
from hairnet.network import NetworkConfig
from hairnet.split import PointsOfW, face_part, find_points, hair_part, masks_of, render, template_points
from synth import heads
from synth.generator import load_generator


def test_the_two_parts_share_every_pixel_and_are_black_elsewhere():
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    masks = masks_of(template_points(2, 64), 64)
    face, hair = face_part(images, masks), hair_part(images, masks)
    assert torch.allclose((face + 1) + (hair + 1), images + 1, atol=1e-6)
    assert (face[:, :, 0] == -1).all() and (hair[:, :, 36:40, 30:34] < -0.95).all()


def test_a_mask_is_the_same_whatever_the_size_of_the_crop():
    assert np.allclose(masks_of(template_points(1, 64), 64), masks_of(template_points(1, 1024), 1024), atol=1e-5)


def test_the_inner_face_is_a_fifth_of_the_crop_and_leaves_the_forehead():
    mask = masks_of(template_points(1, 64), 64)[0, 0]
    assert 0.1 < mask.mean() < 0.3 and mask[:18].max() < 0.05 and mask[38, 32] > 0.99


def test_without_a_face_the_template_stands_in():
    assert np.array_equal(find_points(torch.zeros(1, 3, 64, 64)), template_points(1, 64))


def test_a_picture_does_not_depend_on_its_neighbours(world):
    G = load_generator(world.generator, "cpu")
    w = torch.randn(40, 12)
    assert torch.equal(render(G, w)[[3, 37]], render(G, w[[3, 37]]))


def test_points_follow_w_where_they_are_linear_in_it(monkeypatch):
    true = torch.randn(6, 10, generator=torch.Generator().manual_seed(0)) * 0.01

    class FourPixels:
        """A generator whose 64 px pictures hold, in their first pixels, where its points are."""

        resolution, num_ws = 64, 2

        def synthesis(self, ws, noise):
            images = torch.zeros(len(ws), 3, 64, 64)
            images[:, 0, 0, :10] = ws[:, 0] @ true
            return images

    def detect(images):
        offsets = (images[:, 0, :10, 0].astype(np.float64) - 128) / 127.5
        return (template_points(len(images), 64) + 64 * offsets.reshape(-1, 5, 2)).astype(np.float32)

    monkeypatch.setattr("hairnet.split.detect_batch", detect)
    points = PointsOfW(FourPixels(), torch.randn(500, 6, generator=torch.Generator().manual_seed(1)))
    w = torch.randn(5, 6)
    expected = template_points(5, 64) + 64 * (w @ true).reshape(5, 5, 2).numpy()
    assert points.error < 0.006 and np.abs(points(w, 64) - expected).max() < 0.5


def test_brows_belong_to_the_face():
    pictures = [heads.render(heads.Head.sample(seed), 64) for seed in range(500, 520)]
    points = find_points(to_tensor(np.stack([one.image for one in pictures])))
    shares = []
    for one, mask in zip(pictures, masks_of(points, 64, NetworkConfig.raised)[:, 0].numpy(), strict=True):
        brows = np.isin(one.labels, (LABEL["l_brow"], LABEL["r_brow"]))
        if brows.any():
            shares.append(mask[brows].mean())
    assert len(shares) > 15 and np.mean(shares) > 0.9 and min(shares) > 0.6
