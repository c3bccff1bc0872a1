"""The benchmark from end to end on a few triples: order of the methods, files, going on, other people's methods."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.command import run
from data.files import sha256
from data.shards import read_arrays
from data.weights import builtin
from evaluation.benchmark import benchmark, export, make_plan, score
from evaluation.benchmark.__main__ import main
from evaluation.benchmark.methods import Chosen
from evaluation.benchmark.paste import affine, paste
from evaluation.benchmark.pictures import pictures_sha256, render_all
from evaluation.benchmark.runs import chosen_methods
from evaluation.benchmark.score import METRICS, Judges, Panel, regions
from evaluation.benchmark.triples import all_triples
from evaluation.benchmark.work import Plan
from tests.evaluation.conftest import World, save_small_hairnet

NUMBERS = (1, 60, 380, 500, 580, 621)  # easy, hard, medium, long-to-short, bald, hat


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("benchmark")
    whole = make_plan(cache=folder / "pictures", out=folder / "out", workers=1)
    return replace(whole, triples=[whole.triples[number] for number in NUMBERS])


@pytest.fixture(scope="module")
def pictures(plan: Plan) -> dict[str, np.ndarray]:
    return read_arrays(render_all(plan.triples, plan.size, plan.cache, 1)[0])


@pytest.fixture(scope="module")
def comparison(plan: Plan) -> dict:
    return benchmark(plan, [Chosen("truth"), Chosen("copy-face"), Chosen("paste")])


def means(plan: Plan, method: str) -> dict[str, float]:
    figures = json.loads((plan.out / f"{method}.json").read_text())["overall"]["figures"]
    return {name: found["mean"] for name, found in figures.items() if found}


def test_the_truth_is_perfect(plan: Plan, comparison: dict) -> None:
    found = means(plan, "truth")
    for region in ("whole", "head", "hair", "face", "background"):
        assert found[f"psnr_{region}"] == 100
        assert found[f"ssim_{region}"] == pytest.approx(1)
        assert found[f"perceptual_{region}"] == 0
    assert found["strand_angle"] == 0
    assert found["identity_truth"] == pytest.approx(1)
    assert found["hair_cosine"] == pytest.approx(1)
    assert found["hair_iou"] > 0.8  # as well as the parser sees


def test_the_untouched_face_is_the_same_person_with_the_wrong_hair(plan: Plan, comparison: dict) -> None:
    truth, face = means(plan, "truth"), means(plan, "copy-face")
    assert face["identity"] == pytest.approx(1)
    assert face["hair_iou"] < truth["hair_iou"] - 0.1
    assert face["hair_cosine"] < 0.7
    assert face["hair_colour"] > truth["hair_colour"] + 5
    assert face["psnr_background"] > face["psnr_hair"]


def test_pasted_hair_is_between_the_truth_and_the_untouched_face(plan: Plan, comparison: dict) -> None:
    truth, face, paste = (means(plan, method) for method in ("truth", "copy-face", "paste"))
    assert 0 < paste["perceptual_hair"] < face["perceptual_hair"]
    assert truth["hair_colour"] < paste["hair_colour"] < face["hair_colour"]
    assert 1 > paste["hair_cosine"] > face["hair_cosine"]
    assert 1 > paste["identity"]


@pytest.mark.slow
def test_in_every_bucket_the_truth_is_best_and_pasted_hair_is_nearer_to_it_than_the_old_hair(tmp_path: Path) -> None:
    plan = make_plan(per_bucket=4, cache=tmp_path / "pictures", out=tmp_path / "out")
    found = benchmark(plan, [Chosen("truth"), Chosen("copy-face"), Chosen("paste")])
    for bucket, part in found["buckets"].items():
        at = {name: {m: cell["mean"] for m, cell in row.items() if cell} for name, row in part["figures"].items()}
        for name, metric in METRICS.items():
            if name not in ("identity", "hair_cosine_donor"):  # which do not ask for the truth
                best = min if metric.better == "lower" else max
                assert at[name]["truth"] == pytest.approx(best(at[name].values()), abs=1e-6), (bucket, name)
        assert at["identity"]["copy-face"] == pytest.approx(1)
        assert at["hair_cosine"]["copy-face"] < at["hair_cosine"]["paste"] < at["hair_cosine"]["truth"], bucket


def test_a_comparison_has_figures_and_paired_differences_of_every_bucket(plan: Plan, comparison: dict) -> None:
    assert comparison == json.loads((plan.out / "comparison.json").read_text())
    assert comparison["methods"] == ["truth", "copy-face", "paste"]
    assert set(comparison["buckets"]) == {"easy", "medium", "hard", "turned", "long-to-short", "bald", "hat"}
    assert "paste - copy-face" in comparison["overall"]["differences"]["hair_iou"]
    assert comparison["buckets"]["bald"]["figures"]["psnr_whole"]["truth"]["mean"] == 100
    assert "hair_iou" in (plan.out / "comparison.md").read_text()
    with Image.open(plan.out / "comparison.png") as page:
        assert page.width >= 5 * 128


def test_a_report_says_where_its_figures_come_from(plan: Plan, comparison: dict) -> None:
    report = json.loads((plan.out / "paste.json").read_text())
    assert set(report["metrics"]) == set(METRICS) == set(report["overall"]["figures"])
    assert report["list_as_stated"] is False and report["pictures_as_stated"] is None  # a part of the list
    assert report["pictures_sha256"] == pictures_sha256(render_all(plan.triples, 64, plan.cache, 1))
    assert {"parser", "embedder", "hair", "perceptual", "paste_parser", "pose"} == set(report["weights_sha256"])
    assert "pose network" in report["perceptual"] and report["versions"]["benchmark"] == 1
    with Image.open(plan.out / report["picture"]) as page:
        assert page.width >= 4 * 128
    with (plan.out / "paste.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["number"]) for row in rows] == list(NUMBERS)
    assert float(rows[0]["hair_iou"]) > 0


def test_the_same_command_again_makes_the_same_bytes_without_any_work(plan: Plan, comparison: dict) -> None:
    names = [f"{method}.{suffix}" for method in ("paste", "comparison") for suffix in ("json", "md", "png")]
    before = {name: sha256(plan.out / name) for name in names}
    parts = {path: path.stat().st_mtime_ns for path in (plan.out / "parts").rglob("*.h5")}
    benchmark(plan, [Chosen("truth"), Chosen("copy-face"), Chosen("paste")])
    assert {name: sha256(plan.out / name) for name in names} == before
    assert {path: path.stat().st_mtime_ns for path in (plan.out / "parts").rglob("*.h5")} == parts


def test_what_is_missing_is_made_again_with_the_same_bytes(plan: Plan, comparison: dict) -> None:
    (part,) = (plan.out / "parts").glob("paste-*/*.h5")
    (drawn,) = plan.cache.rglob("*.h5")
    before = sha256(part), sha256(drawn)
    part.unlink()
    drawn.unlink()
    benchmark(plan, [Chosen("paste")])
    assert (sha256(part), sha256(drawn)) == before


def test_exported_pictures_scored_as_a_folder_are_the_untouched_face(
    plan: Plan, comparison: dict, tmp_path: Path
) -> None:
    assert export(plan, tmp_path / "in") == len(NUMBERS)
    assert "--method result" in (tmp_path / "in" / "README.txt").read_text()
    with (tmp_path / "in" / "triples.csv").open() as file:
        assert [row["kind"] for row in csv.DictReader(file)][-2:] == ["bald", "hat"]
    methods = chosen_methods(str(tmp_path / "in" / "face"), "builtin", None, "none", "builtin", plan.triples)
    report = benchmark(plan, methods)
    assert report["method"] == "face"
    untouched = json.loads((plan.out / "copy-face.json").read_text())
    assert report["overall"] == untouched["overall"]
    assert report["results_sha256"] == untouched["results_sha256"]


def test_results_of_another_size_are_fitted_and_a_changed_result_is_scored_again(
    plan: Plan, pictures: dict[str, np.ndarray], tmp_path: Path
) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    for number, picture in zip(NUMBERS, pictures["truth"], strict=True):
        Image.fromarray(picture).resize((256, 256), Image.Resampling.NEAREST).save(folder / f"{number:04d}.png")
    first = benchmark(plan, [Chosen("large", folder=folder)])["overall"]["figures"]
    assert first["psnr_whole"]["mean"] > 25
    Image.new("RGB", (64, 64)).save(folder / f"{NUMBERS[0]:04d}.png")
    again = benchmark(plan, [Chosen("large", folder=folder)])["overall"]["figures"]
    assert again["psnr_whole"]["mean"] < first["psnr_whole"]["mean"]


def test_a_function_of_ones_own_is_scored(plan: Plan, comparison: dict) -> None:
    report = score(lambda hair, face: hair, "copy-hair", plan)
    figures = report["overall"]["figures"]
    assert figures["hair_cosine_donor"]["mean"] == pytest.approx(1)
    assert figures["identity"]["mean"] < 0.5
    assert (plan.out / "copy-hair.png").is_file()
    with pytest.raises(ValueError, match="not a name"):
        score(lambda hair, face: hair, "truth", plan)
    with pytest.raises(ValueError, match="must be square"):
        score(lambda hair, face: face.crop((0, 0, 20, 10)), "narrow", plan)


def test_a_hairnet_is_scored_with_its_networks_named(plan: Plan, world: World, tmp_path: Path) -> None:
    report = benchmark(replace(plan, out=tmp_path), [Chosen("hairnet", str(world.network))])
    assert report["weights_sha256"]["network"] == sha256(world.network)
    assert report["blend"] == "none"
    assert report["judges_in_training"] == {"parser": None, "embedder": False, "hair": None, "perceptual": False}


def test_builtin_means_the_shipped_hair_scorer_where_hair_is_judged() -> None:
    scorer, loss = builtin("hair-scorer"), builtin("hair")
    for name, file in {"builtin": scorer, "builtin-hair-scorer": scorer, "builtin-hair": loss, str(loss): loss}.items():
        judges = Judges.find(hair_embedder=name)
        assert judges.digests()["hair"] == sha256(file)
        assert "hair" in Panel(judges).hair.title
    assert Judges.find().embedder == builtin("embedder")
    with pytest.raises(FileNotFoundError, match="nowhere.safetensors does not exist"):
        Judges.find(hair_embedder="nowhere.safetensors")


def test_a_network_that_was_trained_with_the_scorer_is_refused(plan: Plan, world: World, tmp_path: Path) -> None:
    trained = tmp_path / "trained.safetensors"
    save_small_hairnet(trained, world.generator, {"identity": sha256(world.embedder)}, seed=0)
    judges = replace(plan.judges, embedder=world.embedder)
    with pytest.raises(ValueError, match="cannot be the judge"):
        benchmark(replace(plan, judges=judges, out=tmp_path), [Chosen("hairnet", str(trained))])


def test_folders_that_lack_pictures_and_unknown_names_are_refused_before_any_work(plan: Plan, tmp_path: Path) -> None:
    triples = all_triples()[:3]
    Image.new("RGB", (64, 64)).save(tmp_path / "0001.png")
    for words, sentence in (
        ("nobody", "none of truth, copy-face, paste, hairnet and no folder"),
        (str(tmp_path), "lacks 2 of 3 pictures, 0000.png first"),
        ("paste,paste", "names a method twice"),
    ):
        with pytest.raises(ValueError, match=sentence):
            chosen_methods(words, "builtin", None, "none", "builtin", triples)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--methods", "paste"], "--methods"),
        (["--method", "nobody"], "none of truth, copy-face, paste, hairnet and no folder"),
        (["--per-bucket", "0"], "--per-bucket is 0: give 1 to 500"),
        (["--size", "32"], "--size is 32"),
        (["--blend", "some"], "--blend"),
    ],
)
def test_the_command_refuses_in_one_sentence(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        run(main, [*words, "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")])
    told = capsys.readouterr().err
    assert left.value.code == 2 and sentence in told and told.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run(main, ["--help"])
    told = capsys.readouterr().out
    assert left.value.code == 0
    assert all(flag in told for flag in ("--method", "--per-bucket", "--export", "--perceptual", "--blend"))


def test_regions_are_soft_and_do_not_overlap() -> None:
    labels = np.array([[0, 1, 13, 13, 18]], np.uint8)
    alpha = np.array([[0, 51, 255, 204, 0]], np.uint8)
    found = regions(labels, alpha)
    np.testing.assert_allclose(found["hair"], [[0, 0.2, 1, 0.8, 0]], atol=1e-6)
    np.testing.assert_allclose(found["face"], [[0, 0.8, 0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(found["background"], [[1, 0, 0, 0, 0]])
    np.testing.assert_allclose(found["head"], [[0, 1, 1, 1, 0]])


def test_points_are_brought_to_their_targets_and_hair_moves_with_them() -> None:
    points = np.random.RandomState(0).rand(20, 2) * 60
    turn = np.array([[1.2, -0.3], [0.2, 0.9]])
    found = affine(points, points @ turn.T + (3, -2))
    np.testing.assert_allclose(found, np.column_stack([turn, (3, -2)]), atol=1e-9)
    hair, face = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 200, np.uint8)
    share = np.zeros((8, 8), np.float32)
    share[2, 3] = 1
    moved = paste(hair, share, face, np.array([[1.0, 0, 1], [0, 1, -2]]))  # face px + (1, -2) = hair px
    assert (moved[4, 2] == 0).all() and (moved != 200).sum() == 3
