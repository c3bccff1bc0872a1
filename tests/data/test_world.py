"""Devices by name, and settings that come back."""

import pytest
import torch

from data.world import cores, device_of, join_world, place, settled


@pytest.mark.parametrize("name", ["gpu", "cpu:7", "cpu:0", "cuda:99", "cuda:x", "meta", "mps"])
def test_a_device_that_is_not_here_is_refused_in_one_sentence(name):
    with pytest.raises(ValueError, match=rf"^--device is {name}") as refusal:
        device_of(name)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_cuda_without_a_driver_is_refused_and_nothing_means_the_cpu():
    with pytest.raises(ValueError, match="this machine has 0 CUDA devices"):
        device_of("cuda")
    assert device_of(None) == device_of("cpu") == device_of(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.gpu
def test_each_process_of_a_world_has_its_own_cuda_device(monkeypatch):
    assert device_of(None) == device_of("cuda") == torch.device("cuda")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert device_of(None) == torch.device("cuda", 1 % torch.cuda.device_count())
    assert device_of("cuda:0") == torch.device("cuda:0")


def test_one_process_is_a_world_of_size_1():
    assert join_world() == place() == (0, 1)
    assert cores() >= 1


def test_settings_come_back():
    torch.set_num_threads(2)
    before = torch.backends.cudnn.deterministic
    with settled():
        assert torch.get_num_threads() == 1 and torch.backends.cudnn.deterministic
    assert torch.get_num_threads() == 2 and torch.backends.cudnn.deterministic == before
    torch.set_num_threads(1)
