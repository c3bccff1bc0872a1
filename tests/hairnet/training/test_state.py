import json

import pytest
import torch

from data.resume import cut_log
from hairnet.training.state import load_state, refuse_other, save_state


def trained(seed: int):
    torch.manual_seed(seed)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.AdamW(module.parameters(), 1e-2)
    module(torch.randn(8, 3)).square().sum().backward()
    optimizer.step()
    return module, optimizer


def test_a_state_brings_back_modules_optimiser_and_step(tmp_path):
    module, optimizer = trained(0)
    save_state(tmp_path, 17, {"network": module}, optimizer, {"lr": 0.01})
    other, fresh = trained(1)
    assert load_state(tmp_path, {"network": other}, fresh, {"lr": 0.01}) == 17
    for a, b in zip(module.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    for a, b in zip(optimizer.state_dict()["state"].values(), fresh.state_dict()["state"].values(), strict=True):
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_without_a_state_a_training_starts_at_step_0(tmp_path):
    module, optimizer = trained(0)
    assert load_state(tmp_path, {"network": module}, optimizer, {}) == 0


def test_a_state_of_other_settings_is_refused_with_their_name(tmp_path):
    with pytest.raises(ValueError, match=r"lr 0.01, not 0.02"):
        refuse_other(tmp_path, {"lr": 0.01, "command": "a"}, {"lr": 0.02, "command": "b"})
    refuse_other(tmp_path, {"lr": 0.01, "widths": [1], "command": "a"}, {"lr": 0.01, "widths": (1,), "command": "b"})


def test_the_log_loses_what_came_after_the_state_and_a_torn_line(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in (25, 50, 75)) + '{"step": 1')
    cut_log(path, 50)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [25, 50]


def test_the_optimisers_memory_order_is_that_of_the_parameters(tmp_path):
    module = torch.nn.Conv2d(4, 4, 3).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(module.parameters(), 1e-2, fused=True)
    module(torch.randn(2, 4, 8, 8)).square().sum().backward()
    optimizer.step()
    save_state(tmp_path, 1, {"network": module}, optimizer, {})
    load_state(tmp_path, {"network": module}, optimizer, {})
    assert optimizer.state[module.weight]["exp_avg"].stride() == module.weight.stride()
