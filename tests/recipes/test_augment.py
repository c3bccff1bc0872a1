"""Changes of training pictures: labels follow, ranges hold, randomness comes from the generator alone."""

import pytest
import torch
from torch import Generator

from faces.labels import LABEL
from recipes import augment

CHANGES = {
    "defocused": lambda x, g: augment.defocused(x, g, 0.7),
    "recoloured": lambda x, g: augment.recoloured(x, g, 1.0, 0.3),
    "noisy": lambda x, g: augment.noisy(x, g, 0.7),
    "compressed": lambda x, g: augment.compressed(x, g, 0.7),
    "occluded": lambda x, g: augment.occluded(x, None, g, 0.7)[0],
    "placed": lambda x, g: augment.placed(x, None, g, 0.2, 0.1, 20, True)[0],
    "grown": lambda x, g: augment.placed(x, None, g, 0.0, 0.0, 0.0, False, growth=1.0)[0],
    "new_hair": lambda x, g: augment.new_hair(x, squares(len(x)), g, 0.7),
    "new_backgrounds": lambda x, g: augment.new_backgrounds(x, squares(len(x)), g, 0.7),
}


def pictures(count: int = 8, size: int = 32) -> torch.Tensor:
    coarse = torch.rand(count, 3, 6, 6, generator=Generator().manual_seed(0)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size)


def squares(count: int = 8, size: int = 32) -> torch.Tensor:
    """Hair in the middle, a left eye at the image's right, background around."""
    labels = torch.zeros(count, size, size, dtype=torch.uint8)
    labels[:, 8:24, 8:24] = LABEL["hair"]
    labels[:, 14:18, 20:23] = LABEL["l_eye"]
    return labels


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_changes_repeat_by_seed_stay_in_range_and_change_something(name):
    x = pictures()
    before = x.clone()
    first, second, other = (CHANGES[name](x, Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(x, before)  # the pictures that came in stay as they are
    assert torch.equal(first, second) and not torch.equal(first, other)
    assert first.shape == x.shape and first.isfinite().all() and first.abs().max() <= 1 + 1e-5
    assert (first - x).abs().mean() > 0.005


def test_labels_follow_the_picture_and_swap_sides_when_mirrored():
    x = torch.zeros(64, 3, 32, 32)
    labels = squares(64)
    x[:, 0] = (labels == LABEL["l_eye"]).float()
    moved, after = augment.placed(x, labels, Generator().manual_seed(3), zoom=0.0, shift=0.0, turn=0.0, mirror=True)
    eye = moved[:, 0] > 0.5
    mirrored = eye[:, :, :16].flatten(1).any(1)
    assert 16 < mirrored.sum() < 48
    for k in range(64):
        name = "r_eye" if mirrored[k] else "l_eye"
        assert torch.equal(after[k] == LABEL[name], eye[k])


def test_only_the_background_is_replaced():
    x = pictures()
    after = augment.new_backgrounds(x, squares(), Generator().manual_seed(1), share=1.0)
    assert torch.equal(after[:, :, 9:23, 9:23], x[:, :, 9:23, 9:23])
    assert (after[:, :, :7] - x[:, :, :7]).abs().mean() > 0.1


def test_only_the_hair_is_dyed():
    x = pictures()
    after = augment.new_hair(x, squares(), Generator().manual_seed(1), share=1.0)
    away = squares() != LABEL["hair"]
    away[:, 6:26, 6:26] = False  # the edge is soft
    changed = (after - x).abs().amax(1)
    assert changed[away].max() == 0 and changed[:, 10:13, 10:13].mean() > 0.1


def test_growth_stretches_what_is_around_the_face_and_keeps_the_face():
    labels = torch.zeros(16, 64, 64, dtype=torch.uint8)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    distance = (x**2 + (y - 0.1) ** 2).sqrt()
    labels[:, distance < 0.75] = LABEL["hair"]
    labels[:, distance < 0.5] = LABEL["skin"]
    pictures_ = torch.zeros(16, 3, 64, 64)
    _, after = augment.placed(pictures_, labels, Generator().manual_seed(2), 0.0, 0.0, 0.0, False, growth=1.0)
    assert torch.equal(after == LABEL["skin"], labels == LABEL["skin"])
    area = (after == LABEL["hair"]).float().sum((1, 2)) / (labels == LABEL["hair"]).float().sum((1, 2))
    assert area.min() > 0.97 and area.mean() > 1.15


def test_occluded_pixels_are_ignored_and_no_others():
    x = pictures()
    after, labels = augment.occluded(x, squares(), Generator().manual_seed(1), share=1.0)
    hidden = labels == augment.IGNORED
    assert hidden.any() and torch.equal(labels[~hidden], squares()[~hidden])
    assert torch.equal(after.permute(0, 2, 3, 1)[~hidden], x.permute(0, 2, 3, 1)[~hidden])


def test_grey_pictures_have_equal_channels():
    grey = augment.recoloured(pictures(), Generator().manual_seed(1), strength=0.0, grey=1.0)
    assert (grey - grey.mean(1, keepdim=True)).abs().max() < 1e-5
    same = augment.recoloured(pictures(), Generator().manual_seed(1), strength=0.0, grey=0.0)
    assert (same - pictures()).abs().max() < 1e-3
