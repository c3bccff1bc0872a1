"""The parser: shapes, gradients, resizing, saving and refusing."""

import numpy as np
import pytest
import torch

from data.weights import save_network
from faces import load_parser
from faces.parsing import Parser, resized


@pytest.fixture(scope="module")
def parser() -> Parser:
    torch.manual_seed(0)
    return Parser().eval()


@pytest.mark.parametrize("size", [(64, 64), (32, 32), (100, 100), (256, 256), (80, 64)])
def test_logits_have_the_size_of_the_crop(parser, size):
    x = torch.rand(2, 3, *size) * 2 - 1
    assert parser(x).shape == (2, 19, *size) and parser(x).dtype == torch.float32
    labels = parser.labels(x)
    assert labels.shape == (2, *size) and labels.dtype == torch.uint8 and labels.max() < 19


@pytest.mark.parametrize(("size", "widths"), [(32, (16,)), (64, (16, 32, 48)), (48, (16, 16, 32, 32))])
def test_a_parser_has_as_many_levels_as_widths(size, widths):
    parser = Parser(size, widths)
    x = torch.rand(2, 3, size, size)
    assert [tuple(x.shape[1:]) for x in parser.features(x)] == [
        (width, size >> level, size >> level) for level, width in enumerate(widths, 1)
    ]
    assert parser.work_logits(x).shape == (2, 19, size, size)


def test_logits_are_differentiable_in_the_crop(parser):
    x = (torch.rand(1, 3, 96, 96) * 2 - 1).requires_grad_()
    parser(x)[:, 13].sum().backward()
    assert x.grad is not None and (x.grad.abs().sum((0, 1)) > 0).all()


def test_the_answer_for_one_crop_does_not_depend_on_its_batch(parser):
    x = torch.rand(3, 3, 64, 64) * 2 - 1
    assert torch.allclose(parser(x)[1:2], parser(x[1:2]), atol=1e-5)


def test_a_crop_of_the_wrong_form_is_refused(parser):
    for shape in ((3, 64, 64), (1, 1, 64, 64), (1, 3, 16, 64)):
        with pytest.raises(ValueError, match="at least 32 px"):
            parser(torch.zeros(shape))


def test_shrinking_takes_means_and_keeps_the_mean():
    x = torch.rand(1, 3, 128, 128)
    assert torch.allclose(resized(x, 64), x.view(1, 3, 64, 2, 64, 2).mean((3, 5)), atol=1e-6)
    assert resized(x, 128) is x
    assert torch.allclose(resized(torch.rand(1, 3, 100, 100), 64).mean(), torch.tensor(0.5), atol=0.02)


def test_a_saved_parser_answers_as_before_and_is_frozen(parser, tmp_path):
    path = tmp_path / "parser.safetensors"
    save_network(path, parser.state_dict(), {"kind": "parser", "architecture": parser.config, "recipe": {}})
    loaded = load_parser(path, device="cpu")
    x = torch.rand(1, 3, 64, 64)
    assert torch.allclose(loaded(x), parser(x), atol=1e-5)
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())


def test_a_network_of_another_kind_or_size_is_refused(parser, tmp_path):
    path = tmp_path / "x.safetensors"
    save_network(path, parser.state_dict(), {"kind": "generator", "architecture": parser.config})
    with pytest.raises(ValueError, match="kind generator"):
        load_parser(path)
    save_network(path, parser.state_dict(), {"kind": "parser", "architecture": {"widths": [16, 32, 48]}})
    with pytest.raises(ValueError, match="does not fit"):
        load_parser(path)
    save_network(path, parser.state_dict(), {"kind": "parser", "architecture": {"widths": "all", "colour": 3}})
    with pytest.raises(ValueError, match="does not fit"):
        load_parser(path)
    with pytest.raises(FileNotFoundError):
        load_parser(tmp_path / "absent.safetensors")


def test_the_built_in_parser_finds_hair_above_skin():
    from synth.heads import Head, render

    renders = [render(Head.sample(seed), 64) for seed in range(9_000_000, 9_000_006)]
    x = torch.from_numpy(np.stack([r.image for r in renders])).permute(0, 3, 1, 2).float() / 127.5 - 1
    labels = load_parser(device="cpu").labels(x).numpy()
    assert (labels == np.stack([r.labels for r in renders])).mean() > 0.85
