"""The embedders: unit length, gradients, two architectures, whole photos, refusals."""

import numpy as np
import pytest
import torch

from data.images import read_image
from data.weights import save_network
from faces import load_embedder
from faces.identity import SIZES, Embedder, new_embedder


@pytest.fixture(scope="module", params=sorted(SIZES))
def embedder(request) -> Embedder:
    torch.manual_seed(0)
    return new_embedder(request.param).eval()


@pytest.mark.parametrize("size", [32, 64, 112, 256])
def test_embeddings_have_unit_length_for_any_crop_size(embedder, size):
    vectors = embedder(torch.rand(3, 3, size, size) * 2 - 1)
    assert vectors.shape == (3, 128) and vectors.dtype == torch.float32
    assert torch.allclose(vectors.norm(dim=1), torch.ones(3), atol=1e-5)


def test_embeddings_are_differentiable_in_the_crop(embedder):
    x = (torch.rand(1, 3, 64, 64) * 2 - 1).requires_grad_()
    embedder(x)[:, 0].sum().backward()
    assert x.grad is not None and (x.grad != 0).float().mean() > 0.9


def test_the_embedding_of_one_crop_does_not_depend_on_its_batch(embedder):
    x = torch.rand(4, 3, 64, 64) * 2 - 1
    assert torch.allclose(embedder(x)[2:3], embedder(x[2:3]), atol=1e-5)


def test_those_of_identity_have_about_a_million_parameters_and_share_no_layer_kind_of_theirs():
    networks = {name: new_embedder(name) for name in ("residual", "depthwise")}
    for network in networks.values():
        assert 0.8e6 < sum(p.numel() for p in network.parameters()) < 1.8e6
    grouped = {name: any(getattr(m, "groups", 1) > 1 for m in net.modules()) for name, net in networks.items()}
    assert grouped == {"residual": False, "depthwise": True}


def test_a_saved_embedder_answers_as_before(embedder, tmp_path):
    path = tmp_path / "e.safetensors"
    save_network(path, embedder.state_dict(), {"kind": "embedder", "architecture": embedder.config, "recipe": {}})
    loaded = load_embedder(path, device="cpu")
    x = torch.rand(2, 3, 64, 64)
    assert torch.allclose(loaded(x), embedder(x), atol=1e-5)
    assert not any(p.requires_grad for p in loaded.parameters())


def test_another_kind_or_a_damaged_config_is_refused(embedder, tmp_path):
    path = tmp_path / "e.safetensors"
    save_network(path, embedder.state_dict(), {"kind": "parser", "architecture": embedder.config})
    with pytest.raises(ValueError, match="kind parser"):
        load_embedder(path)
    reductions = [{"reduction": wrong} for wrong in (0, -16, 48, 1 << 40, "16")]
    for wrong in ({"body": "transformer"}, {"dimensions": 64}, {"input_size": 30}, {"input_size": -64}, *reductions):
        save_network(path, embedder.state_dict(), {"kind": "hair", "architecture": embedder.config | wrong})
        with pytest.raises(ValueError, match="does not fit"):
            load_embedder(path)


def test_a_whole_photo_is_aligned_first(embedder, shared):
    vector = embedder.embed_photo(read_image(shared / "material/photos/stablehair-id-3.jpg"))
    assert vector.shape == (128,) and vector.dtype == np.float32 and abs(np.linalg.norm(vector) - 1) < 1e-5
