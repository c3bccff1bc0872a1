import numpy as np
import pytest
import torch

from data.command import run
from hairnet import export
from hairnet.model import load_network
from tests.hairnet.toys import toy_network


def refused(capsys, words, sentence):
    with pytest.raises(SystemExit) as end:
        run(export.main, words)
    error = capsys.readouterr().err
    assert end.value.code == 2 and sentence in error and len(error.strip().splitlines()) == 1, error


def test_names_sizes_and_missing_packages_are_refused_first(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    refused(capsys, ["--out", "net.pt"], "--out net.pt is not a name for this format")
    refused(capsys, ["--batch", "0"], "--batch is 0: it must lie in 1 to 64")
    monkeypatch.setattr(export, "NEEDED", ("onnx_that_nobody_has",))
    refused(capsys, [], "onnx_that_nobody_has is missing: install the extra")
    assert not list(tmp_path.iterdir())


def test_the_graphs_inputs_are_what_the_encoders_see(world, tmp_path):
    net = load_network(toy_network(tmp_path, world, steered=False), "cpu")
    crops = torch.rand(2, 3, 48, 48) * 2 - 1
    face, hair = export.inputs(net, crops, crops.flip(0))
    with torch.no_grad():
        codes = net.network.fusion(net.network.face(torch.from_numpy(face)), net.network.hair(torch.from_numpy(hair)))
        assert torch.allclose(codes, net.decode(net.encode_face(crops), net.encode_hair(crops.flip(0))), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 2])
def test_onnxruntime_draws_the_same_pictures(world, tmp_path, batch):
    for package in export.NEEDED:
        pytest.importorskip(package)
    import onnxruntime

    net = load_network(toy_network(tmp_path, world, steered=False), "cpu")
    assert export.export(net, tmp_path / "net.onnx", batch) < 1e-4
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    crops = torch.rand(batch, 3, 48, 48) * 2 - 1
    face, hair = export.inputs(net, crops, -crops)
    (picture,) = session.run(None, {"face": face, "hair": hair})
    with torch.no_grad():
        drawn = net.pictures(net.decode(net.encode_face(crops), net.encode_hair(-crops)))
    assert np.abs(picture - drawn.numpy()).max() < 1e-4
    known = session.get_modelmeta().custom_metadata_map
    assert known["size"] == "32" and known["resolution"] == "32" and known["batch"] == str(batch)
    assert [path.name for path in tmp_path.glob("*.onnx*")] == ["net.onnx"]


@pytest.mark.slow
def test_a_file_whose_pictures_differ_is_not_written(world, tmp_path, monkeypatch):
    for package in export.NEEDED:
        pytest.importorskip(package)
    net = load_network(toy_network(tmp_path, world, steered=False), "cpu")
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(ValueError, match="is not written: onnxruntime's pictures differ"):
        export.export(net, tmp_path / "net.onnx")
    assert not list(tmp_path.glob("*.onnx"))
