"""Hostile files: refused with the reason, nothing in them runs, and none takes memory that the file does not have."""

import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from synth import load_generator
from synth.formats.container import read_content
from tests.synth.formats.hostile import hostile, saved

NAMES = list(hostile(Path("made")))


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_file_is_refused_with_the_reason(tmp_path, name):
    raw, reason = hostile(tmp_path / "made")[name]
    path = tmp_path / "network.pkl"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="network.pkl") as caught:
        load_generator(path)
    caught.match(reason)
    assert not (tmp_path / "made").exists()


def test_there_are_many_of_them():
    assert len(NAMES) > 80


def test_the_payload_of_these_tests_would_run_in_an_ordinary_reader(tmp_path):
    pickle.loads(hostile(tmp_path / "made")["a call"][0])
    assert (tmp_path / "made").exists()


def test_memory_stays_bounded_whatever_a_file_claims(tmp_path, checkout):
    for number, (raw, _) in enumerate(hostile(tmp_path / "made").values()):
        (tmp_path / f"{number}.pkl").write_bytes(raw)
    reader = (
        "import resource, sys\nfrom pathlib import Path\nfrom synth import load_generator\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before = peak()\n"
        "for path in Path(sys.argv[1]).glob('*.pkl'):\n"
        "    try:\n        load_generator(path)\n    except ValueError:\n        pass\n"
        "print(peak() - before)"
    )
    process = subprocess.run(
        [sys.executable, "-c", reader, str(tmp_path)], cwd=checkout, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    assert int(process.stdout) < 50, "MB"


def test_source_text_in_the_pickle_is_not_executed(tmp_path, generator, nvidia_pickle):
    made = tmp_path / "made"
    load_generator(nvidia_pickle(generator, source=f"import os\nos.mkdir({str(made)!r})"), device="cpu")
    assert not made.exists()


def test_a_module_within_itself_is_refused(generator, nvidia_pickle, persistent):
    def give(states):
        inner = persistent("SynthesisBlock", {"_modules": {}}, "")
        inner.meta["state"]["_modules"]["again"] = inner
        states["synthesis"]["_modules"]["inner"] = inner

    with pytest.raises((ValueError, RecursionError)):
        load_generator(nvidia_pickle(generator, give))


def test_tensors_that_share_their_data_are_no_more_than_the_file(tmp_path, generator, rosinality_state):
    state = rosinality_state(generator)
    shared = torch.zeros(max(value.numel() for value in state.values()))
    state = {key: shared[: value.numel()].view(value.shape) for key, value in state.items()}
    torch.save({"g_ema": state}, tmp_path / "small.pt")
    with pytest.raises(ValueError, match="more tensors than it has data for"):
        load_generator(tmp_path / "small.pt")


FORGED = {
    "a latent_avg without dimensions": {"latent_avg": torch.tensor(1.0)},
    "a latent_avg of whole numbers": {"latent_avg": torch.arange(24).reshape(2, 12)},
    "a config that is a list": {"config": "[1]"},
    "a config that is no text": {"config": torch.ones(2)},
    "a config of another network": {"config": '{"conv_clamp": "wide"}'},
    "a recipe that is a list": {"config": '{"recipe": [1]}'},
    "a config of endless depth": {"config": "[" * 100_000},
}


@pytest.mark.parametrize("name", FORGED)
def test_what_lies_beside_a_rosinality_network_is_checked(tmp_path, generator, rosinality_state, name):
    torch.save({"g_ema": rosinality_state(generator), **FORGED[name]}, tmp_path / "forged.pt")
    with pytest.raises(ValueError, match="forged.pt"):
        load_generator(tmp_path / "forged.pt")


@pytest.mark.parametrize("value", [torch.ones(7), torch.ones(2, 2, 2), "text", None, [1]])
def test_odd_things_in_place_of_a_tensor_are_refused(tmp_path, generator, rosinality_state, genforce_state, value):
    for content in (rosinality_state(generator), genforce_state(generator)):
        kind = "g_ema" if "style.1.weight" in content else "generator_smooth"
        layers = {key.rpartition("0")[2]: key for key in content if "0" in key and not key.endswith("kernel")}
        for key in layers.values():
            torch.save({kind: content | {key: value}}, tmp_path / "forged.pt")
            with pytest.raises(ValueError, match="forged.pt"):
                load_generator(tmp_path / "forged.pt")


def test_a_network_without_colours_is_refused(tmp_path, generator, rosinality_state):
    state = {key: value for key, value in rosinality_state(generator).items() if "to_rgb" not in key}
    torch.save({"g_ema": state}, tmp_path / "forged.pt")
    with pytest.raises(ValueError, match="forged.pt has an unknown entry 'convs"):
        load_generator(tmp_path / "forged.pt")


def test_a_tensor_cannot_change_the_file(tmp_path):
    path = tmp_path / "numbers.pt"
    torch.save([torch.ones(3)], path)
    before = path.read_bytes()
    read_content(path)[0].zero_()
    assert path.read_bytes() == before


@pytest.mark.parametrize("modern", [True, False, None])
def test_tensors_and_numbers_come_back_as_they_were(tmp_path, modern):
    tensor = torch.arange(6.0).reshape(2, 3).t()
    half = torch.ones(2, dtype=torch.bfloat16)
    content = {
        "a": tensor,
        "b": torch.nn.Parameter(half),
        "c": 1.5,
        "d": {1, 2},
        "e": OrderedDict(x=-3),
        "f": (None, "ü"),
        "j": (2**64 - 1, -(2**63)),
    }
    content |= {"none": torch.zeros(0, 3), "steps": torch.tensor(7), "again": tensor[1:]}
    if modern is None:
        content |= {"g": np.float32(0.5), "h": np.arange(4.0).reshape(2, 2).T, "i": np.int64(-3)}
    path = tmp_path / "numbers.pkl"
    path.write_bytes(pickle.dumps(content) if modern is None else saved(content, modern))
    read = read_content(path)
    assert torch.equal(read["a"], tensor) and torch.equal(read["again"], tensor[1:])
    assert torch.equal(read["b"], half) and read["b"].dtype == torch.bfloat16
    assert (read["c"], read["d"], read["e"], read["f"]) == (1.5, {1, 2}, {"x": -3}, (None, "ü"))
    assert read["j"] == (2**64 - 1, -(2**63))
    assert read["none"].shape == (0, 3) and read["steps"].item() == 7
    if modern is None:
        assert (read["g"], read["i"]) == (0.5, -3)
        assert np.array_equal(read["h"].value, content["h"])


def test_a_truncated_pickle_is_refused(tmp_path, generator, nvidia_pickle):
    raw = nvidia_pickle(generator).read_bytes()
    path = tmp_path / "cut.pkl"
    for length in (2, 100, len(raw) // 2, len(raw) - 1):
        path.write_bytes(raw[:length])
        with pytest.raises(ValueError, match="cut.pkl is a truncated or damaged checkpoint"):
            load_generator(path)
