from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.command import run
from data.images import read_image
from data.weights import load_network as read_network
from data.weights import save_network
from hairnet import load_network
from hairnet.model import save_hairnet
from hairnet.network import NetworkConfig, TwoEncoders
from hairnet.transfer import main
from synth.generator import load_generator
from tests.hairnet.conftest import SMALL


@pytest.fixture(scope="module")
def network(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "hairnet.safetensors"
    G = load_generator(world.generator, "cpu")
    trained = TwoEncoders(NetworkConfig(G.num_ws, G.w_dim, **SMALL))
    save_hairnet(path, trained, {"name": str(world.generator), "sha256": G.sha256}, {"command": "test"})
    return path


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def transfer(world, network, tmp_path, monkeypatch, capsys):
    """The command in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        flags = ["--network", str(network), "--parser", str(world.parser)]
        flags += [] if "--device" in words else ["--device", "cpu"]
        with pytest.raises(SystemExit) as end:
            run(main, [*map(str, words), *flags])
        return Done(end.value.code, *capsys.readouterr())

    return call


def refused(done, words, tmp_path, files=()):
    assert done.returncode == 2 and words in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files), "nothing may be written"


def test_a_photo_gets_its_own_size_back_and_keeps_its_far_corners(shared, transfer, tmp_path):
    hair, face = shared / "material/photos/stablehair-ref-0.jpg", shared / "material/photos/stablehair-id-0.jpg"
    done = transfer(hair, face)
    out = tmp_path / "stablehair-ref-0-on-stablehair-id-0.png"
    assert done.returncode == 0, done.stderr
    assert out.name in done.stdout and " s" in done.stdout
    before, after = np.asarray(read_image(face)), np.asarray(read_image(out))
    assert before.shape == after.shape and np.array_equal(before[-1], after[-1])


def test_without_blending_the_generated_crop_is_written(shared, transfer, tmp_path):
    photo = shared / "material/photos/stablehair-id-0.jpg"
    done = transfer(photo, photo, "--out", "sub/c.jpg", "--blend", "none")
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "sub/c.jpg").size == (32, 32)


def test_a_folder_of_photos_streams_and_bad_ones_are_left_out_with_their_reason(shared, transfer, tmp_path):
    people = tmp_path / "people"
    people.mkdir()
    photo = shared / "material/photos/stablehair-id-3.jpg"
    (people / "a.jpg").write_bytes(photo.read_bytes())
    (people / "b.png").write_text("not an image")
    Image.new("RGB", (90, 90)).save(people / "c.png")
    (people / "notes.txt").write_text("not looked at")
    done = transfer(photo, people, "--out", tmp_path / "results", "--debug", tmp_path / "stages")
    assert done.returncode == 0 and "1 of 3 photos" in done.stdout, done.stderr
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["stablehair-id-3-on-a.png"]
    assert [path.name for path in (tmp_path / "stages").iterdir()] == ["stablehair-id-3-on-a.png"]
    assert "b.png is not an image" in done.stderr and "c.png: no face found" in done.stderr
    assert "notes.txt" not in done.stderr and "Traceback" not in done.stderr


def test_a_folder_without_photos_and_a_file_as_its_out_are_refused(shared, transfer, tmp_path):
    (tmp_path / "empty").mkdir()
    photo = shared / "material/photos/stablehair-id-3.jpg"
    refused(transfer(photo, "empty"), "holds no photos", tmp_path, ["empty"])
    Image.new("RGB", (64, 64)).save(tmp_path / "empty" / "a.png")
    refused(transfer(photo, "empty", "--out", "c.png"), "give a folder", tmp_path, ["empty"])


def test_of_several_faces_all_are_listed_and_one_can_be_picked(shared, transfer, tmp_path):
    group, photo = shared / "material/photos/multiface.jpg", shared / "material/photos/stablehair-id-3.jpg"
    done = transfer(photo, group, "--out", "central.png")
    assert done.returncode == 0 and "faces, 1 at " in done.stderr, done.stderr
    refused(transfer(photo, group, "--face-pick", "40"), "there is no face 40", tmp_path, ["central.png"])


def test_a_photo_without_a_face_is_refused_by_name(transfer, shared, tmp_path):
    Image.new("RGB", (200, 200), "green").save(tmp_path / "lawn.png")
    done = transfer(shared / "material/photos/stablehair-id-0.jpg", tmp_path / "lawn.png")
    refused(done, "lawn.png: no face found", tmp_path, ["lawn.png"])


def test_text_called_png_a_missing_file_and_a_wrong_flag_are_refused(transfer, tmp_path):
    (tmp_path / "a.png").write_text("not an image")
    Image.new("RGB", (64, 64)).save(tmp_path / "b.png")
    files = ["a.png", "b.png"]
    refused(transfer("a.png", "b.png"), "a.png is not an image", tmp_path, files)
    refused(transfer("b.png", "c.png"), "c.png does not exist", tmp_path, files)
    refused(transfer("b.png", "b.png", "--blnd", "none"), "--blend", tmp_path, files)
    refused(transfer("b.png"), "FACE is missing", tmp_path, files)
    refused(transfer("b.png", "b.png", "--corrections", "4"), "--corrections is 4", tmp_path, files)
    weaker = transfer("b.png", "b.png", "--corrections", "1", "--strength", "0.5")
    refused(weaker, "for whole transfers", tmp_path, files)


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_here_is_refused(transfer, tmp_path, device):
    Image.new("RGB", (64, 64)).save(tmp_path / "b.png")
    refused(transfer("b.png", "b.png", "--device", device), f"--device is {device}", tmp_path, ["b.png"])


@pytest.mark.parametrize("out, words", [("c.gif", ".png"), ("b.png/c.png", "cannot be written"), (".", "image")])
def test_an_out_that_cannot_be_written_is_refused_first(transfer, tmp_path, out, words):
    Image.new("RGB", (64, 64)).save(tmp_path / "b.png")
    refused(transfer("b.png", "b.png", "--out", out), words, tmp_path, ["b.png"])


def test_no_photo_is_overwritten_by_a_result_or_a_sheet(transfer, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    Image.new("RGB", (64, 64)).save(tmp_path / "b.png")
    (tmp_path / "link.png").symlink_to("a.png")
    files = ["a.png", "b.png", "link.png"]
    for out in ("a.png", "b.png", "./b.png", "link.png"):
        refused(transfer("a.png", "b.png", "--out", out), f"--out {Path(out)} is one of the files", tmp_path, files)
    refused(transfer("a.png", "b.png", "--debug", "."), "--debug . has sheets of the same names", tmp_path, files)
    (tmp_path / "people").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "people" / "b.png")
    Image.new("RGB", (64, 64)).save(tmp_path / "people" / "a-on-b.png")
    done = transfer("a.png", "people", "--out", "people")
    refused(done, "a-on-b.png is one of the files", tmp_path, [*files, "people"])


def test_a_network_of_another_kind_or_generator_is_refused(world, network, tmp_path):
    with pytest.raises(ValueError, match="kind generator"):
        load_network(world.generator, "cpu")
    tensors, config = read_network(network)
    config["generator"]["sha256"] = "0" * 64
    save_network(tmp_path / "other.safetensors", tensors, config)
    with pytest.raises(ValueError, match="another generator"):
        load_network(tmp_path / "other.safetensors", "cpu")


@pytest.mark.parametrize("generator", [{}, {"name": "builtin"}, {"sha256": "0" * 64}, "builtin", None])
def test_a_network_that_does_not_say_its_generator_is_refused(network, tmp_path, generator):
    tensors, config = read_network(network)
    save_network(tmp_path / "odd.safetensors", tensors, config | {"generator": generator})
    with pytest.raises(ValueError, match="does not hold one"):
        load_network(tmp_path / "odd.safetensors", "cpu")


def test_forged_sizes_are_refused_without_taking_memory(network, tmp_path):
    tensors, config = read_network(network)
    config["network"]["embedding"] = 10**9
    save_network(tmp_path / "forged.safetensors", tensors, config)
    with pytest.raises(ValueError, match="does not hold one"):
        load_network(tmp_path / "forged.safetensors", "cpu")
