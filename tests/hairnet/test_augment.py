import torch

from hairnet.augment import SHIFT, blemish, shift


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_blemishes_depend_on_their_numbers_alone_and_stay_in_range():
    x = torch.rand(4, 3, 32, 32) * 2 - 1
    assert torch.equal(blemish(x, rng()), blemish(x, rng())) and not torch.equal(blemish(x, rng()), blemish(x, rng(1)))
    assert blemish(x, rng()).abs().max() <= 1


def test_blemishes_keep_colours_recognisable():
    x = torch.tensor([0.6, -0.2, -0.5])[None, :, None, None].expand(64, 3, 32, 32)
    means = blemish(x, rng()).mean((2, 3))
    assert (means - x[:, :, 0, 0]).abs().max() < 0.25 and (means.argmax(1) == 0).all()


def test_a_shift_moves_the_whole_picture_a_little():
    x = torch.zeros(32, 1, 100, 100)
    x[:, :, 50, 50] = 1
    moved = shift(x, rng())
    places = moved.flatten(1).argmax(1)
    rows, columns = places // 100 - 50, places % 100 - 50
    limit = SHIFT * 100 + 1
    assert rows.abs().max() <= limit and columns.abs().max() <= limit and rows.unique().numel() > 2
