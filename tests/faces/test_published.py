"""Public networks against the answers of their own implementations."""

import importlib.util
import pickle
import warnings

import numpy as np
import pytest
import torch

from faces import load_embedder, load_parser
from faces.labels import to_celebamask
from faces.published import IRSE50, BiSeNet, load_published

KINDS = {"bisenet": BiSeNet, "irse50": IRSE50}


@pytest.fixture(scope="module")
def conformance(shared):
    """(the module that writes checkpoints, the folder with the answers)"""
    folder = shared / "conformance"
    spec = importlib.util.spec_from_file_location("conformance_checkpoint", folder / "checkpoint.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, folder


@pytest.fixture(scope="module")
def files(conformance, tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    for case in KINDS:
        torch.save(conformance[0].checkpoint(case), folder / f"{case}.pth")
    return folder


def distance(ours: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(ours - reference) / np.linalg.norm(reference))


def test_bisenet_answers_as_its_public_implementation(conformance, files):
    checkpoint, folder = conformance
    answers = np.load(folder / "bisenet.npz")
    network = load_published(files / "bisenet.pth", BiSeNet())
    with torch.no_grad():
        logits = network(torch.tanh(checkpoint.normal(6, 1, 3, 512, 512)))
    pooled = torch.nn.functional.avg_pool2d(logits, 8).numpy()
    assert distance(pooled, answers["logits_pool64"]) < 1e-5
    assert (logits.argmax(1).numpy().squeeze() == answers["labels"].squeeze()).mean() > 0.9999


def test_irse50_answers_as_its_public_implementation(conformance, files):
    checkpoint, folder = conformance
    network = load_published(files / "irse50.pth", IRSE50())
    with torch.no_grad():
        ours = network(torch.tanh(checkpoint.normal(5, 2, 3, 112, 112)))
    assert distance(ours.numpy(), np.load(folder / "irse50.npz")["embedding"]) < 1e-5


def test_a_bisenet_file_is_a_parser_in_our_order(files):
    parser = load_parser(files / "bisenet.pth", device="cpu")
    x = torch.rand(1, 3, 128, 128) * 2 - 1
    logits = parser(x)
    assert logits.shape == (1, 19, 128, 128)
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    large = torch.nn.functional.interpolate(x, (512, 512), mode="bilinear", antialias=True)
    with torch.no_grad():
        raw = load_published(files / "bisenet.pth", BiSeNet())(((large + 1) / 2 - mean) / std)
    labels = torch.nn.functional.interpolate(raw, (128, 128), mode="bilinear").argmax(1).numpy()
    expected = to_celebamask(labels, "bisenet")
    assert (parser.labels(x).numpy() == expected).mean() > 0.999


def test_an_irse50_file_is_an_embedder_with_gradients(files):
    embedder = load_embedder(files / "irse50.pth", device="cpu")
    x = (torch.rand(1, 3, 128, 128) * 2 - 1).requires_grad_()
    vector = embedder(x)
    assert vector.shape == (1, 512) and abs(vector.norm().item() - 1) < 1e-5
    vector[0, 0].backward()
    inner = x.grad[0, :, 20:110, 20:108]
    assert (inner != 0).all() and (x.grad[0, :, :16] == 0).all()  # only the face's part of the crop is looked at


def test_files_that_would_run_code_or_hold_something_else_are_refused(tmp_path):
    class Harm:
        def __reduce__(self):
            return (open, (str(tmp_path / "harm"), "w"))

    path = tmp_path / "x.pth"
    for content in (Harm(), {"a": torch.zeros(3)}, [1, 2]):
        torch.save(content, path) if not isinstance(content, Harm) else path.write_bytes(pickle.dumps(content))
        for load, name in ((load_parser, "BiSeNet"), (load_embedder, "IRSE50")):
            with warnings.catch_warnings(), pytest.raises(ValueError, match=f"not a file of {name}"):
                warnings.simplefilter("ignore")  # torch remarks on the protocol of the crafted pickle
                load(path)
    assert not (tmp_path / "harm").exists()
