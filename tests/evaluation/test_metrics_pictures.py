"""PSNR, SSIM, masks, strands and the perceptual distance on pictures whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import shift

from data.images import to_tensor
from evaluation.metrics.masks import boundary_f, iou, outline
from evaluation.metrics.perceptual import distance, load_perceptual, perceptual_files
from evaluation.metrics.pictures import SAME, psnr, squared_error, ssim_map, within
from evaluation.metrics.strands import angle_between, orientation
from faces.perceptual import load_lpips
from synth.heads import Head, render
from tests.faces.test_perceptual import written

ONE = np.ones((64, 64), np.float32)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return render(Head.sample(5), 64).image


def noisy(picture: np.ndarray, levels: float) -> np.ndarray:
    noise = np.random.RandomState(0).randn(*picture.shape) * levels
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def disc(x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:64, :64]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def test_psnr_of_a_known_error_and_of_none(picture: np.ndarray) -> None:
    grey = np.full((64, 64, 3), 100, np.uint8)
    assert psnr(squared_error(grey, grey + 10), ONE) == pytest.approx(20 * np.log10(25.5))
    assert psnr(squared_error(picture, picture), ONE) == SAME


def test_a_region_counts_alone_and_an_empty_one_has_no_figure() -> None:
    grey, other = np.full((64, 64, 3), 100, np.uint8), np.full((64, 64, 3), 100, np.uint8)
    other[:, 32:] = 130
    left = (np.arange(64) < 32) * ONE
    assert psnr(squared_error(grey, other), left) == SAME
    assert psnr(squared_error(grey, other), 1 - left) == pytest.approx(20 * np.log10(255 / 30))
    assert np.isnan(psnr(squared_error(grey, other), 0 * ONE))
    assert np.isnan(within(ONE, 0 * ONE))


def test_ssim_of_flat_pictures_is_its_luminance_term_and_falls_with_noise(picture: np.ndarray) -> None:
    a, b = np.full((64, 64, 3), 100, np.uint8), np.full((64, 64, 3), 150, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert ssim_map(a, b).mean() == pytest.approx((2 * 100 * 150 + c1) / (100**2 + 150**2 + c1))
    assert np.allclose(ssim_map(picture, picture), 1)
    means = [ssim_map(picture, noisy(picture, levels)).mean() for levels in (4, 16, 64)]
    assert 1 > means[0] > means[1] > means[2] > 0


def test_overlap_and_outlines_of_masks() -> None:
    a, none = disc(32, 32, 15), np.zeros((64, 64), bool)
    assert iou(a, a) == boundary_f(a, a) == 1
    assert iou(none, none) == boundary_f(none, none) == 1
    assert iou(a, none) == boundary_f(a, none) == boundary_f(none, a) == 0
    half = a & (np.arange(64) < 32)
    assert iou(a, half) == half.sum() / a.sum()
    moved = [boundary_f(a, disc(32 + step, 32, 15)) for step in (1, 4, 40)]
    assert moved[0] == 1 > moved[1] > moved[2] == 0
    assert not outline(np.ones((64, 64), bool)).any()  # the border of the picture is no outline


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_strands_are_found_to_run_as_they_were_drawn(degrees: float) -> None:
    rows, columns = np.mgrid[:64, :64]
    across = -columns * np.sin(np.radians(degrees)) + rows * np.cos(np.radians(degrees))
    stripes = np.repeat((128 + 60 * np.sin(across * 1.2))[..., None], 3, 2).astype(np.uint8)
    found, sure = orientation(stripes)
    middle = (slice(8, 56), slice(8, 56))
    assert angle_between(found, np.full_like(found, np.radians(degrees)))[middle].max() < 3
    assert sure[middle].min() > 0.5
    assert orientation(np.full((64, 64, 3), 90, np.uint8))[1].max() < 1e-6


def test_an_angle_is_at_most_90_degrees_either_way_round() -> None:
    found = angle_between(np.radians([0.0, 10, 170, 0]), np.radians([90.0, 170, 10, 180]))
    np.testing.assert_allclose(found, [90, 20, 20, 0], atol=1e-9)


def test_the_perceptual_distance_is_nought_for_the_same_and_grows_with_what_is_wrong(picture: np.ndarray) -> None:
    judge = load_perceptual(perceptual_files("builtin"), "cpu")
    moved = [shift(picture, (0, by, 0), order=1, mode="nearest") for by in (1, 3)]
    shown = [picture, noisy(picture, 5), noisy(picture, 20), *moved]
    maps = judge.maps(to_tensor(np.stack(shown)), to_tensor(np.stack([picture] * len(shown))))
    same, little, much, near, far = (distance(maps, row, ONE) for row in range(len(shown)))
    assert same == 0 < little < much
    assert same < near < far
    top = (np.arange(64)[:, None] < 32) * ONE
    assert distance(maps, 2, ONE) == pytest.approx((distance(maps, 2, top) + distance(maps, 2, 1 - top)) / 2, rel=1e-5)
    assert np.isnan(distance(maps, 2, 0 * ONE))


@pytest.mark.parametrize("together", [True, False])
def test_the_public_files_of_lpips_give_lpips_itself(picture: np.ndarray, tmp_path: Path, together: bool) -> None:
    files = written(tmp_path, "AlexNet", together)
    judge = load_perceptual(perceptual_files(",".join(map(str, files))), "cpu")
    a, b = to_tensor(picture[None]), to_tensor(noisy(picture, 20)[None])
    assert "LPIPS" in judge.title and "AlexNet" in judge.title and files[0].name in judge.title
    assert distance(judge.maps(a, b), 0, ONE) == pytest.approx(load_lpips(files, "cpu")(a, b).item(), rel=1e-4)
    assert distance(judge.maps(a, a), 0, ONE) == 0


def test_a_file_without_lpips_is_refused_in_a_sentence(tmp_path: Path) -> None:
    torch.save({"x": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="other.pth: the weights of LPIPS's five looks"):
        load_perceptual([tmp_path / "other.pth"], "cpu")
