"""The judges of a training: what is recorded is what is loaded, and the scorer is never among them."""

import shutil

import pytest
import torch

from data.files import sha256
from data.weights import WEIGHTS, load_network, save_network
from faces import load_embedder
from faces.identity import KINDS
from hairnet.training.judges import JudgeFiles

LOSS, HAIR = (WEIGHTS / f"{kind}.safetensors" for kind in ("embedder-loss", "hair"))


def find(identity="builtin-loss", hair="builtin-hair", parser="builtin") -> JudgeFiles:
    return JudgeFiles.find(str(identity), str(hair), str(parser))


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(map(torch.equal, a.state_dict().values(), b.state_dict().values()))


def test_the_recorded_digests_are_those_of_the_loaded_networks():
    files = find()
    assert files.digests() == {
        "identity": sha256(LOSS), "hair": sha256(HAIR), "parser": sha256(WEIGHTS / "parser.safetensors"),
    }  # fmt: skip
    judges = files.load("cpu")
    assert same(judges.identity, load_embedder("builtin-loss", "cpu"))
    assert same(judges.hair, load_embedder("builtin-hair", "cpu"))


def test_a_path_counts_as_the_network_that_lies_there():
    assert find(identity=LOSS, hair=HAIR).digests() == find().digests()


def test_a_world_may_have_no_hair_descriptor_but_needs_an_identity():
    files = find(hair="none")
    assert files.digests()["hair"] is None and files.load("cpu").hair is None
    with pytest.raises(FileNotFoundError, match="--identity none is not a file"):
        find(identity="none")


@pytest.fixture(params=["builtin", "builtin-hair-scorer"])
def name(request):
    return request.param


@pytest.fixture(params=["name", "path", "copy", "retrained"])
def scorer(request, name, tmp_path):
    """Every spelling of a network that only ever scores."""
    file = WEIGHTS / f"{KINDS[name]}.safetensors"
    if request.param == "copy":
        return shutil.copy(file, tmp_path / "innocent.safetensors")
    if request.param == "retrained":
        tensors, config = load_network(file)
        save_network(tmp_path / "mine.safetensors", {k: x * 1.01 for k, x in tensors.items()}, config)
        return tmp_path / "mine.safetensors"
    return {"name": name, "path": file}[request.param]


@pytest.mark.parametrize("flag", ["identity", "hair"])
def test_the_scorer_is_refused_under_every_name(scorer, flag):
    with pytest.raises(ValueError, match=f"--{flag} .* only ever scores"):
        find(**{flag: scorer})


@pytest.mark.parametrize("name", ["builtin-hair", HAIR])
def test_a_hair_descriptor_does_not_tell_persons(name):
    with pytest.raises(ValueError, match="--identity .* kind hair"):
        find(identity=name)


def test_a_perceptual_judge_is_the_parser_or_the_files_of_lpips(tmp_path):
    files = JudgeFiles.find("builtin-loss", "none", "builtin", "parser")
    assert files.digests()["perceptual"] == "parser" and "perceptual" not in find().digests()
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    judges = files.load("cpu")
    assert find().load("cpu").perceptual is None
    assert judges.perceptual is not None and (judges.perceptual(x, -x) > judges.perceptual(x, x)).all()
    with pytest.raises(FileNotFoundError, match="--perceptual .*missing.pth is not a file"):
        JudgeFiles.find("builtin-loss", "none", "builtin", f"{WEIGHTS / 'hair.safetensors'},{tmp_path / 'missing.pth'}")
