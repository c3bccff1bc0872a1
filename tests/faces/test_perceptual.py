import pytest
import torch

from faces.parsing import PublishedParser, load_parser
from faces.perceptual import NETWORKS, load_lpips, parser_distance

WIDTHS = {"VGG-16": (4, 5, 6, 7, 8), "AlexNet": (4, 5, 6, 7, 8)}
SIDES = {"VGG-16": (3,) * 5, "AlexNet": (11, 5, 3, 3, 3)}


def written(folder, kind, together):
    """Random weights of a narrow network in a public layout; returns the files."""
    rng, network, linear, before = torch.Generator().manual_seed(0), {}, {}, 3
    for k, look in enumerate(NETWORKS[kind]):
        for place in look:
            width, side = WIDTHS[kind][k], SIDES[kind][k]
            prefix = f"net.slice{k + 1}" if together else "features"
            network[f"{prefix}.{place}.weight"] = torch.randn(width, before, side, side, generator=rng) * 0.3
            network[f"{prefix}.{place}.bias"] = torch.randn(width, generator=rng) * 0.1
            before = width
        linear[f"lin{k}.model.1.weight"] = torch.rand(1, before, 1, 1, generator=rng)
    if together:
        torch.save(network | linear | {"scaling_layer.shift": torch.zeros(1, 3, 1, 1)}, folder / "lpips.pth")
        return [folder / "lpips.pth"]
    torch.save(network | {"classifier.0.weight": torch.zeros(2, 2)}, folder / "net.pth")
    torch.save(linear, folder / "lin.pth")
    return [folder / "net.pth", folder / "lin.pth"]


def pictures(seed):
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("kind", NETWORKS)
def test_both_layouts_give_the_same_distance(kind, tmp_path):
    a, b = pictures(0), pictures(1)
    one, two = (load_lpips(written(tmp_path, kind, together), "cpu")(a, b) for together in (True, False))
    assert torch.equal(one, two) and one.shape == (2,) and (one > 0).all()
    assert torch.equal(load_lpips(written(tmp_path, kind, True), "cpu")(a, a), torch.zeros(2))


def test_vgg_is_looked_at_where_lpips_does(tmp_path):
    """The definition, spelt out: torchvision's layer list cut after relu1_2, 2_2, 3_3, 4_3 and 5_3."""
    distance = load_lpips(written(tmp_path, "VGG-16", True), "cpu")
    state = torch.load(tmp_path / "lpips.pth", weights_only=True)
    layers, pools, looks = [], (4, 9, 16, 23), (3, 8, 15, 22, 29)
    convolutions = sorted({int(key.split(".")[2]) for key in state if key.startswith("net.")})
    for place in range(30):
        if place in convolutions:
            prefix = next(key for key in state if f".{place}.weight" in key and "net" in key).removesuffix(".weight")
            weight = state[f"{prefix}.weight"]
            layer = torch.nn.Conv2d(*weight.shape[1::-1], 3, padding=1)
            layer.load_state_dict({"weight": weight, "bias": state[f"{prefix}.bias"]})
            layers.append(layer)
        else:
            layers.append(torch.nn.MaxPool2d(2, 2) if place in pools else torch.nn.ReLU())
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    x, y = ((z - shift[:, None, None]) / scale[:, None, None] for z in (pictures(0), pictures(1)))
    total = 0
    for place, layer in enumerate(layers):
        x, y = layer(x), layer(y)
        if place in looks:
            gap = (torch.nn.functional.normalize(x, dim=1) - torch.nn.functional.normalize(y, dim=1)) ** 2
            total = total + (gap * state[f"lin{looks.index(place)}.model.1.weight"]).sum(1).mean((1, 2))
    assert torch.allclose(distance(pictures(0), pictures(1)), total, rtol=1e-4)


def test_files_that_are_not_lpips_are_refused(tmp_path):
    network, linear = written(tmp_path, "VGG-16", False)
    with pytest.raises(ValueError, match="five looks"):
        load_lpips([network], "cpu")
    with pytest.raises(ValueError, match="neither LPIPS's VGG-16 nor its AlexNet"):
        load_lpips([linear], "cpu")
    with pytest.raises(FileNotFoundError, match="missing.pth"):
        load_lpips([tmp_path / "missing.pth"], "cpu")


def test_a_parser_tells_pictures_apart_and_has_gradients():
    distance = parser_distance(load_parser("builtin", "cpu"))
    a, b = pictures(0).requires_grad_(), pictures(1)
    assert torch.equal(distance(b, b), torch.zeros(2))
    distance(a, b).sum().backward()
    assert a.grad.abs().sum() > 0


def test_a_published_parser_is_refused():
    parser = PublishedParser.__new__(PublishedParser)
    torch.nn.Module.__init__(parser)
    with pytest.raises(ValueError, match="published parser"):
        parser_distance(parser)
