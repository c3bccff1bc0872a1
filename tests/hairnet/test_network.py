import dataclasses

import pytest
import torch

from hairnet.network import LARGE, NetworkConfig, TwoEncoders, new_network

SMALL = NetworkConfig(
    num_ws=4, w_dim=6, size=32, stem=8, widths=(8, 8), blocks=(1, 1), features=8, embedding=8, fusion=16
)


def test_an_untrained_network_without_its_read_out_says_the_mean_w():
    network = TwoEncoders(SMALL).eval()
    w = torch.randn(50, 6)
    network.start_from(w, torch.arange(6.0))
    torch.nn.init.zeros_(network.fusion.shared.weight)
    torch.nn.init.zeros_(network.fusion.shared.bias)
    ws = network(torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32))
    assert torch.equal(ws, torch.arange(6.0).expand(2, 4, 6))


def test_a_unit_of_the_read_out_is_a_standard_deviation_of_w():
    network = TwoEncoders(SMALL)
    deviations = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.0, 0.1])
    network.start_from(torch.randn(20_000, 6) * deviations, torch.zeros(6))
    lengths = network.fusion.basis.norm(dim=1).sort().values
    assert torch.allclose(lengths, deviations.sort().values, rtol=0.05)


def test_directions_that_never_vary_can_still_be_reached():
    network = TwoEncoders(SMALL)
    network.start_from(torch.randn(100, 1) * torch.eye(6)[0], torch.zeros(6))
    assert torch.linalg.matrix_rank(network.fusion.basis) == 6


def test_a_config_survives_json():
    assert NetworkConfig.read(SMALL.asdict()) == SMALL


def test_the_default_encoders_are_small_and_a_third_of_the_published_network_at_most():
    def millions(module):
        return sum(x.numel() for x in module.parameters()) / 1e6

    assert 1.5 < millions(TwoEncoders(NetworkConfig(num_ws=10, w_dim=128)).face) < 3.1
    for num_ws, w_dim, sizes in ((10, 128, {}), (12, 512, {}), (18, 512, {}), (18, 512, LARGE)):
        with torch.device("meta"):
            ours = new_network("hairnet", {"num_ws": num_ws, "w_dim": w_dim} | sizes)
            published = new_network("subrtova", {"num_ws": num_ws, "w_dim": w_dim})
        assert millions(ours) <= millions(published) / 3


@pytest.mark.parametrize("change", [dict(blocks=(1,)), dict(size=4), dict(blocks=(10**9, 1))])
def test_sizes_that_make_no_network_are_refused(change):
    with pytest.raises(ValueError):
        dataclasses.replace(SMALL, **change)
