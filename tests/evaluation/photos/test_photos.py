"""Transfers between photos: pairs, figures of what stayed and what came, refusals, the whole on two rendered people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from data.files import read_json
from data.images import write_image
from evaluation.photos.frechet import check_inception, frechet
from evaluation.photos.judged import Settings, judged, told
from evaluation.photos.measure import regions, summarised
from evaluation.photos.people import draw_pairs, find_people
from evaluation.report.build import report
from faces.labels import LABEL
from synth.heads import Head, render
from tests.evaluation.conftest import World


class Flat:
    """A perceptual distance that is the mean difference."""

    title = "mean difference"

    def maps(self, a: torch.Tensor, b: torch.Tensor) -> list[np.ndarray]:
        return [(a - b).abs().mean(1).numpy()]


@pytest.mark.parametrize(("people", "pairs"), [(2, 2), (2, 5), (7, 7), (7, 3), (5, 12)])
def test_everybody_wears_another_one_s_hair_equally_often(people: int, pairs: int) -> None:
    found = draw_pairs(people, pairs, 0)
    assert len(found) == pairs and all(face != hair for face, hair in found)
    counts = np.bincount([face for face, _ in found], minlength=people)
    assert counts.max() - counts.min() <= 1
    assert draw_pairs(people, pairs, 0) == found


def test_what_stayed_is_measured_where_neither_has_hair() -> None:
    face = np.full((1, 32, 32, 3), 100, np.uint8)
    made, old, new = face.copy(), np.zeros((1, 32, 32), np.uint8), np.zeros((1, 32, 32), np.uint8)
    old[:, :8], new[:, :16] = LABEL["hair"], LABEL["hair"]
    made[:, :8] = 200  # changed under the hair alone
    figures = regions(face, made, old, new, new, Flat())
    assert figures["rest_psnr"][0] == 100 and figures["rest_perceptual"][0] == 0
    assert figures["rest_ssim"][0] > 0.99
    assert figures["hair_iou"][0] == 1 and figures["hair_boundary_f"][0] == 1
    made[:, 20:24] = 110
    figures = regions(face, made, old, new, old, Flat())
    assert figures["rest_psnr"][0] == pytest.approx(10 * np.log10(255**2 / (100 * 4 / 16)), abs=0.01)
    assert figures["hair_iou"][0] == 0.5


def test_a_figure_that_is_nowhere_defined_is_none_and_others_are_counted() -> None:
    values = {"blended": {"identity": np.array([0.5, np.nan, 0.7]), "rest_psnr": np.full(3, np.nan)}}
    told_ = summarised(values, np.array([True, True, True]), 0)
    assert told_["identity"]["blended"]["count"] == 2
    assert told_["identity"]["blended"]["mean"] == pytest.approx(0.6)
    assert told_["rest_psnr"]["blended"] is None


def test_a_folder_of_no_or_one_face_is_refused_and_the_photos_named(tmp_path: Path) -> None:
    write_image(render(Head.sample(3), 256).image, tmp_path / "one.png")
    write_image(np.zeros((64, 64, 3), np.uint8), tmp_path / "none.png")
    with pytest.raises(ValueError, match="shows 1 faces"):
        find_people(tmp_path)
    write_image(render(Head.sample(4), 256).image, tmp_path / "two.png")
    people, left_out = find_people(tmp_path)
    assert [person.path.name for person in people] == ["one.png", "two.png"]
    assert len(left_out) == 1 and left_out[0].startswith("none.png: no face found")
    with pytest.raises(ValueError, match="--images .* is not a folder"):
        find_people(tmp_path / "one.png")


def test_weights_that_are_no_inception_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch_fidelity")
    with pytest.raises(FileNotFoundError, match="--inception"):
        check_inception(tmp_path / "none.pth")
    for content in ({"fc.weight": torch.zeros(2)}, [1]):
        torch.save(content, tmp_path / "x.pth")
        with pytest.raises(ValueError, match="is not torch-fidelity's Inception"):
            check_inception(tmp_path / "x.pth")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    for seed in (3, 4):
        write_image(render(Head.sample(seed), 256).image, folder / f"{seed}.png")
    return folder


def settings(world: World, people: Path, out: Path, **other: object) -> Settings:
    flags = {"images": people, "pairs": None, "network": str(world.network), "generator": None,
             "embedder": str(world.embedder), "hair_embedder": str(world.hair), "parser": "builtin",
             "perceptual": "builtin", "inception": None, "blend": "alpha", "strands": "photo", "seed": 0, "out": out,
             "device": "cpu", "force": False}  # fmt: skip
    return Settings(**(flags | other))  # type: ignore[arg-type]


def test_a_run_tells_all_methods_and_goes_on_from_its_pictures(world: World, people: Path, tmp_path: Path) -> None:
    found = judged(settings(world, people, tmp_path / "photos"))
    assert found["pairs"] == found["photos"] == 2 and found["left_out"] == []
    untouched = {name: parts["untouched"] for name, parts in found["figures"].items()}
    assert untouched["identity"]["mean"] == pytest.approx(1) and untouched["rest_psnr"]["mean"] == 100
    assert untouched["rank_1"]["mean"] == 1 and untouched["rest_perceptual"]["mean"] == 0
    assert found["figures"]["identity"]["blended"]["count"] == 2
    assert read_json(tmp_path / "photos" / "photos.json") == found
    assert "2 transfers between 2 photos" in told(found)
    times = {path: path.stat().st_mtime_ns for path in Path(found["pictures"]).rglob("*.png")}
    assert len(times) == 8
    again = judged(settings(world, people, tmp_path / "photos"))
    assert again["figures"] == found["figures"]
    assert {path: path.stat().st_mtime_ns for path in times} == times
    page = report(tmp_path, "x")
    assert "On real photos" in page and "rest PSNR, dB ↑" in page


def test_a_judge_of_losses_is_refused_before_any_photo_is_read(world: World, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be the judge"):
        judged(settings(world, tmp_path / "none", tmp_path / "out", embedder=str(world.loss)))


@pytest.mark.slow
def test_fid_of_the_same_pictures_is_nothing_and_of_others_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inception = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    torch.manual_seed(0)
    with monkeypatch.context() as patch:  # the network without its published weights
        patch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(inception.FeatureExtractorInceptionV3, "load_state_dict", lambda *_, **__: None)
        network = inception.FeatureExtractorInceptionV3("x", ["2048"])
    for weight in network.parameters():
        if weight.ndim == 4:
            torch.nn.init.kaiming_normal_(weight, nonlinearity="relu")  # so that pictures make a difference at its end
    torch.save(network.state_dict(), tmp_path / "inception.pth")
    rng = np.random.RandomState(0)
    for name, low in (("a", 0), ("b", 128)):
        for k in range(6):
            write_image(rng.randint(low, low + 128, (64, 64, 3)).astype(np.uint8), tmp_path / name / f"{k}.png")
    check_inception(tmp_path / "inception.pth")
    same = frechet(tmp_path / "a", tmp_path / "a", 6, tmp_path / "inception.pth", "cpu")
    other = frechet(tmp_path / "a", tmp_path / "b", 6, tmp_path / "inception.pth", "cpu")
    assert same["pictures"] == other["pictures"] == 6
    assert abs(same["fid"]) < 1e-3 * other["fid"] and same["kid"] < other["kid"]
