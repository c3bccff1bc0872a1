"""How published face networks see a face: alignment and numbers, against the public rules and on real photos."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from data.images import read_image, to_tensor
from faces import align, load_embedder
from faces.iresnet import IResNet, blocks_in
from faces.reading import ARCFACE, FACENET, IMAGENET, Reading, arcface_quad, reading_of, similarity, warped
from tests.faces.onnx_file import write_embedder


def moved(points: np.ndarray, scale: float, degrees: float, shift: tuple[float, float]) -> np.ndarray:
    turn = np.radians(degrees)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return points @ matrix.T + shift


def test_a_similarity_undoes_turn_scale_and_shift():
    points = moved(ARCFACE, 2.5, 30, (40, -7))
    (found,) = similarity(points, ARCFACE)
    assert np.allclose(points @ found[:, :2].T + found[:, 2], ARCFACE)


def test_a_similarity_is_the_best_one_and_no_reflection():
    points = moved(ARCFACE, 1.7, -20, (9, 4)) + np.random.RandomState(0).randn(5, 2)

    def miss(matrix):
        return ((points @ matrix[:, :2].T + matrix[:, 2] - ARCFACE) ** 2).sum()

    (best,) = similarity(points, ARCFACE)
    assert np.linalg.det(best[:, :2]) > 0
    for k in range(200):
        a, b, x, y = np.random.RandomState(k).randn(4) * 1e-2
        other = best + np.array([[a, -b, x], [b, a, y]])
        assert miss(best) <= miss(other)


@pytest.mark.parametrize("side", [112, 200, 700])
def test_a_warped_crop_has_its_points_at_arcfaces_places(side):
    points = moved(ARCFACE / 112, side * 0.6, 15, (side * 0.2, side * 0.15))
    ys, xs = np.mgrid[:side, :side]
    spots = [np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * (0.02 * side) ** 2)) for x, y in points]
    x = torch.from_numpy(np.stack(spots)[None, :3].astype(np.float32)) * 2 - 1
    seen = (warped(x, points[None], 112)[0].numpy() + 1) / 2
    ys, xs = np.mgrid[:112, :112]
    for k, spot in enumerate(seen):
        assert np.allclose([(xs * spot).sum() / spot.sum(), (ys * spot).sum() / spot.sum()], ARCFACE[k], atol=0.15)


def test_warping_is_differentiable():
    x = (torch.rand(2, 3, 64, 64) * 2 - 1).requires_grad_()
    warped(x, np.stack([moved(ARCFACE / 112, 40, 5, (12, 10))] * 2), 112).sum().backward()
    assert x.grad is not None and (x.grad != 0).float().mean() > 0.2


def test_the_square_in_a_photo_is_the_template_s_whole_picture():
    points = moved(ARCFACE, 3, 0, (100, 50))
    corners = arcface_quad(points)
    assert np.allclose(corners[0], [100 - 1.5, 50 - 1.5]) and np.allclose(corners[2], [100 + 334.5, 50 + 334.5])


@pytest.mark.parametrize(
    ("reading", "level", "expected"),
    [
        (Reading(), 255, 1.0),
        (FACENET, 255, 127.5 / 128),
        (Reading(112, *IMAGENET), 255, (1 - 0.485) / 0.229),
        (Reading(112, (0.0,) * 3, (1 / 255,) * 3), 200, 200.0),
    ],
)
def test_numbers_are_those_of_the_public_code(reading, level, expected):
    x = to_tensor(np.full((1, 4, 4, 3), level, np.uint8))
    assert float(reading.numbers(x)[0, 0, 0, 0]) == pytest.approx(expected, rel=1e-5)


def test_an_onnx_file_that_begins_with_sub_and_mul_takes_0_to_255(tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"x")
    assert reading_of(path, 112, ["Sub", "Mul", "Conv"]).deviation[0] == pytest.approx(1 / 255)
    assert reading_of(path, 112, ["Conv", "Sub"]) == Reading(112)


def test_a_note_beside_the_file_has_the_last_word(tmp_path):
    path = write_embedder(tmp_path / "net.onnx")
    note = tmp_path / "net.onnx.json"
    note.write_text(json.dumps({"mean": IMAGENET[0], "deviation": IMAGENET[1], "place": "box"}))
    reading = load_embedder(path, device="cpu").reading
    assert (reading.mean, reading.deviation, reading.place, reading.size) == (*IMAGENET, "box", 32)
    for wrong in ({"mean": [0.5]}, [], {"mean": [0, 0, 0], "deviation": [0, 1, 1]}):
        note.write_text(json.dumps(wrong))
        with pytest.raises(ValueError, match="net.onnx.json does not say how net.onnx sees faces"):
            load_embedder(path)


def test_a_facenet_file_answers_as_facenet_pytorch_and_is_not_called_arcface(tmp_path):
    from facenet_pytorch import InceptionResnetV1

    torch.manual_seed(0)
    theirs = InceptionResnetV1(classify=False, num_classes=10).eval()
    torch.save(theirs.state_dict(), tmp_path / "facenet.pt")  # with `logits`, as the public files are
    ours = load_embedder(tmp_path / "facenet.pt", device="cpu")
    pixels = np.random.RandomState(0).randint(0, 256, (1, 160, 160, 3)).astype(np.uint8)
    x = to_tensor(pixels)
    with torch.no_grad():
        reference = theirs((torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127.5) / 128)
        assert torch.allclose(ours.network(ours.reading.numbers(x)), reference, atol=1e-5)
    assert "not ArcFace" in ours.title and not ours.needs_points


def test_an_insightface_backbone_is_recognised_by_its_names(tmp_path):
    torch.manual_seed(0)
    network = IResNet((2, 1, 3, 1)).eval()
    state = network.state_dict()
    assert blocks_in(state) == (2, 1, 3, 1)
    torch.save(state, tmp_path / "backbone.pth")
    ours = load_embedder(tmp_path / "backbone.pth", device="cpu")
    x = torch.rand(1, 3, 112, 112) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(ours.network(x), network(x), atol=1e-5)


def test_forged_depths_cost_no_memory(tmp_path):
    state = {"layer1.0.bn1.weight": torch.zeros(64), "features.weight": torch.zeros(512)}
    torch.save(state | {f"layer4.{k}.x": torch.zeros(1) for k in (5, 999)}, tmp_path / "backbone.pth")
    with pytest.raises(ValueError, match="not a file of IResNet weights"):
        load_embedder(tmp_path / "backbone.pth")


def test_a_public_network_says_the_same_of_a_photo_and_of_its_ffhq_crop_with_points(shared):
    embedder = load_embedder(shared / "material/weights/MobileFaceNet.onnx", device="cpu")
    assert embedder.needs_points and embedder.reading.mean == IMAGENET[0]
    photo = read_image(shared / "material/photos/stablehair-id-3.jpg")
    aligned = align(photo, 256)
    crop = to_tensor(np.array(aligned.image)[None])
    with torch.no_grad():
        told, untold = embedder(crop, aligned.points[None])[0].numpy(), embedder(crop)[0].numpy()
    whole = embedder.embed_photo(photo)
    assert float(whole @ told) > 0.97 and float(whole @ told) > float(whole @ untold)


def test_a_photo_without_a_face_is_refused(shared):
    embedder = load_embedder(shared / "material/weights/MobileFaceNet.onnx", device="cpu")
    with pytest.raises(ValueError, match="no face found"):
        embedder.embed_photo(Image.new("RGB", (200, 200)))
