import torch

from hairnet.training.augment import CLEAN, SHIFT, Draws, blemish, shift


def rng(seed=0):
    return Draws(seed)


def test_processes_together_draw_what_one_draws_alone():
    alone, both = Draws(3), [Draws(3, "cpu", rank, 2) for rank in (0, 1)]
    for name in ("uniform", "normal"):
        bounds = (-2, 5) if name == "uniform" else ()
        whole = getattr(alone, name)(*bounds, 6, 2)
        parts = [getattr(draws, name)(*bounds, 3, 2) for draws in both]
        assert torch.equal(torch.stack(parts, 1).flatten(0, 1), whole) and parts[0].shape == (3, 2)


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


def test_some_pictures_stay_as_they_are():
    x = torch.rand(400, 3, 8, 8) * 2 - 1
    untouched = (blemish(x, rng()) == x).flatten(1).all(1).float().mean()
    assert abs(untouched - CLEAN) < 0.1
