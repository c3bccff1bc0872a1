"""The command from end to end on small random networks: figures, controls, refusals, going on after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data.files import sha256
from data.shards import write_arrays
from evaluation import rank_of_mate
from evaluation.cache import gallery_jobs
from evaluation.examples import shown_queries
from evaluation.judge import open_setup
from evaluation.questions import Answer, Question, ask
from evaluation.retrieval import check_numbers, draw_donors, retrieval
from evaluation.studio import Studio
from evaluation.table import table
from hairnet.subrtova import Subrtova
from tests.evaluation.conftest import World, save_small_hairnet
from tests.faces.onnx_file import write_embedder
from tests.hairnet.test_subrtova import TOY, published


def judge(world: World, out: Path, gallery: int = 20, queries: int = 4, **other: object) -> dict:
    files = {"network": str(world.network), "embedder": str(world.embedder), "hair_embedder": str(world.hair)}
    return retrieval(gallery, queries, out=out, workers=1, **{"device": "cpu", **files, **other})


def command(world: World, out: Path, *more: str) -> list[str]:
    networks = ["--network", str(world.network), "--embedder", str(world.embedder), "--hair-embedder", str(world.hair)]
    return ["-m", "evaluation.retrieval", *networks, "--out", str(out), "--device", "cpu", *more]


def figures_of(report: dict) -> dict:
    return {name: value for name, value in report.items() if name not in ("rows_per_second", "seconds", "provenance")}


def test_a_run_reports_figures_controls_and_conditions(world: World, tmp_path: Path) -> None:
    report = judge(world, tmp_path)
    assert json.loads((tmp_path / "retrieval.json").read_text()) == report
    assert report["own_picture"]["mean_rank"] == 1.0
    chance = {"rank_1": 0.05, "rank_5": 0.25, "rank_10": 0.5, "mean_rank": 10.5, "median_rank": 10.5}
    assert report["chance"] == pytest.approx(chance)
    for part, names in ((report, ("transfer", "blended", "hair_donor", "reconstruction")),
                        (report["hair"], ("transfer", "no_transfer", "face_donor", "own_picture"))):  # fmt: skip
        for name in names:
            assert 1 <= part[name]["mean_rank"] <= 20
            assert part[name]["queries"] == 4
    assert report["cmc"]["transfer"][-1] == {"k": 20, "share": 1.0, "share_ci95": [pytest.approx(0.51, abs=0.01), 1.0]}
    assert report["rank_1_by_gallery_size"][-1]["gallery"] == 20
    conditions = report["conditions"]
    assert conditions["generator_sha256"] == sha256(world.generator)
    assert conditions["network_sha256"] == sha256(world.network)
    assert conditions["embedder_sha256"] == sha256(world.embedder)
    assert conditions["blend"] is False
    assert not report["judge"]["trained_with"] and not report["hair"]["judge"]["trained_with"]
    used = report["provenance"]["weights"]
    assert {name: file["sha256"] for name, file in used.items()} == {
        "generator": sha256(world.generator),
        "network": sha256(world.network),
        "face scorer": sha256(world.embedder),
        "hair scorer": sha256(world.hair),
    }


def test_faces_that_are_not_found_are_counted_and_ranked_all_the_same(world: World, tmp_path: Path) -> None:
    report = judge(world, tmp_path)  # the toy generator draws no faces at all
    assert report["undetected"] == {"face_donors": 4, "hair_donors": 4, "transfers": 4, "gallery": None}
    assert report["rank_1_by_yaw_gap"][-1] == {"degrees": None, "queries": 4} | {
        name: report["transfer"][name] for name in ("rank_1", "rank_1_ci95")
    }
    assert report["transfer"]["queries"] == 4
    said = table(report)
    assert "no face was found in 4 of 4 face donors, 4 of 4 transfers; all were ranked" in said


def test_hair_need_not_be_judged(world: World, tmp_path: Path) -> None:
    report = judge(world, tmp_path, hair_embedder="none")
    assert report["hair"] is None and "whose hair" not in table(report)


def test_the_face_pasted_back_brings_the_donor_nearer(world: World) -> None:
    studio = Studio(world.setup)
    face, hair = studio.pictures(np.arange(4)), studio.pictures(np.arange(4, 8))
    points = studio.points(face)[0]
    made = studio.transfer(face, hair, points, points)
    blended = studio.blend(face, made, points)
    middle = (slice(None), slice(None), slice(16, 20), slice(14, 18))
    assert (blended[middle] - face[middle]).abs().max() < 0.02 < (made[middle] - face[middle]).abs().max()
    assert (blended[..., :3, :3] == made[..., :3, :3]).all()


def test_the_contact_sheet_shows_six_pictures_per_query(world: World, tmp_path: Path) -> None:
    judge(world, tmp_path, queries=3)
    with Image.open(tmp_path / "retrieval.png") as page:
        assert page.width == pytest.approx(6 * 128, abs=20)
        assert page.height >= 3 * 128


def test_the_same_seed_gives_the_same_figures_and_another_draws_other_donors(world: World, tmp_path: Path) -> None:
    first, again = judge(world, tmp_path / "a"), judge(world, tmp_path / "b")
    assert figures_of(first) == figures_of(again)
    assert judge(world, tmp_path / "a", seed=1)["cosine"] != first["cosine"]


def test_the_gallery_is_shared_between_networks(world: World, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_small_hairnet(other, world.generator, {}, seed=1)
    judge(world, tmp_path / "out")
    report = judge(world, tmp_path / "out", network=str(other))
    assert report["rows_per_second"]["gallery"] is None  # nothing was left to embed
    assert report["rows_per_second"]["transfers"] is not None


def test_ranks_are_those_of_the_named_donors(tmp_path: Path) -> None:
    rng = np.random.RandomState(0)
    gallery = rng.randn(1100, 16).astype(np.float32)
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    faces = gallery_jobs(tmp_path, {}, 0, 1100)
    for job in faces:
        rows = gallery[job.start : job.start + len(job)]
        write_arrays(job.path, {"seed": job.seeds[0], "embedding": rows}, job.facts)
    mates, others = np.array([3, 600, 1099]), np.array([700, 2, 5])
    made = (0.5 * gallery[mates] + 0.5 * gallery[others] + 0.1 * rng.randn(3, 16)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    asked = {"made": Question(made, mates, gallery[mates]), "same": Question(gallery[others], others, gallery[others])}
    answers = ask(asked, faces, "embedding", "cpu")
    assert answers["made"].ranks.tolist() == rank_of_mate(made, gallery, mates).tolist()
    assert answers["same"].ranks.tolist() == [1, 1, 1]
    scores = made @ gallery.T
    scores[np.arange(3), mates] = -1
    assert np.allclose(answers["made"].rival, scores.max(1), atol=1e-6)
    assert np.allclose(answers["made"].own, (made * gallery[mates]).sum(1), atol=1e-6)


@pytest.mark.parametrize(("gallery", "queries"), [(2, 1), (2, 2), (10, 10), (1000, 37)])
def test_donors_are_members_and_never_the_same_face(gallery: int, queries: int) -> None:
    for seed in range(20):
        face, hair = draw_donors(gallery, queries, seed)
        assert len(set(face.tolist())) == queries
        assert (face != hair).all()
        assert min(face.min(), hair.min()) >= 0
        assert max(face.max(), hair.max()) < gallery


def test_donors_of_a_huge_gallery_are_spread_over_it() -> None:
    face, hair = draw_donors(10**8, 1000, 0)
    assert len(set(face.tolist())) == 1000
    assert hair.max() > 9 * 10**7


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"gallery": 1}, "--gallery"),
        ({"gallery": 100_000_000_000}, "--gallery"),
        ({"queries": 0}, "--queries"),
        ({"queries": 21}, "--queries"),
        ({"psi": float("nan")}, "--psi"),
        ({"psi": -1e30}, "--psi"),
        ({"seed": -1}, "--seed"),
        ({"first_seed": 2**32 - 5}, "--first-seed"),
        ({"workers": 0}, "--workers"),
    ],
)
def test_numbers_that_cannot_be_are_refused_by_flag(change: dict, flag: str) -> None:
    good = {"gallery": 20, "queries": 4, "psi": 1.0, "seed": 0, "first_seed": 0, "workers": None}
    check_numbers(**good)
    with pytest.raises(ValueError, match=f"^{flag} "):
        check_numbers(**{**good, **change})


def test_a_judge_that_trained_the_network_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be the judge, since .* was trained with it"):
        judge(world, tmp_path, embedder=str(world.loss))
    assert not list(tmp_path.iterdir())


def test_a_judge_that_trained_the_network_may_be_forced_and_is_marked(world: World, tmp_path: Path) -> None:
    report = judge(world, tmp_path, embedder=str(world.loss), force=True)
    assert report["judge"]["trained_with"]
    assert "NOT INDEPENDENT" in table(report)


def test_a_judge_of_losses_is_refused_even_for_a_network_it_has_not_trained(world: World, tmp_path: Path) -> None:
    network = tmp_path / "network.safetensors"
    save_small_hairnet(network, world.generator, {}, seed=0)
    with pytest.raises(ValueError, match="kind embedder-loss"):
        open_setup(str(network), None, str(world.loss), 1.0, "cpu")


def test_the_sheet_shows_the_best_the_median_and_the_worst() -> None:
    ranks = np.array([5, 1, 1, 9, 2, 3, 1, 8, 2, 7, 4, 30, 6, 1])
    answer = Answer(ranks, np.linspace(0, 1, len(ranks)), np.zeros(len(ranks)))
    shown = shown_queries(answer)
    assert [query for name, query in shown if name == "best"] == [13, 6, 2, 1]
    assert [query for name, query in shown if name == "worst"] == [11, 3, 7, 9]
    assert sorted(ranks[query] for name, query in shown if name == "median") == [2, 3, 4, 5]
    assert shown_queries(Answer(np.ones(1, int), np.ones(1), np.zeros(1))) == [("best", 0)]


def test_a_published_face_network_may_judge(world: World, tmp_path: Path) -> None:
    judge_file = write_embedder(tmp_path / "judge.onnx")
    setup = open_setup(str(world.network), None, str(judge_file), 1.0, "cpu")
    assert setup.embedder == judge_file
    assert Studio(setup).gallery(np.array([3, 4]))["embedding"].shape == (2, 4)


def test_a_published_hairnet_is_judged_with_its_own_generator(world: World, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = published(Subrtova(TOY).eval(), world, tmp_path)
    report = judge(world, tmp_path / "out", network=str(network), gallery=6, queries=2)
    assert report["conditions"]["network_sha256"] == report["conditions"]["generator_sha256"] == sha256(network)
    assert report["judge"]["trained_with"] is None and report["transfer"]["queries"] == 2


def test_faces_not_found_in_the_gallery_are_counted_where_the_scorer_wants_points(world: World, tmp_path: Path) -> None:
    judge_file = write_embedder(tmp_path / "judge.onnx")
    report = judge(world, tmp_path / "out", gallery=6, queries=2, embedder=str(judge_file))
    assert report["undetected"]["gallery"] == 6  # the toy generator draws no faces
    assert report["transfer"]["queries"] == 2
    assert "6 of 6 in the gallery" in table(report)


def test_bytes_that_are_no_network_may_not_judge(world: World, tmp_path: Path) -> None:
    (tmp_path / "judge.onnx").write_bytes(b"some other network")
    with pytest.raises(ValueError, match="judge.onnx is not a whole ONNX file"):
        judge(world, tmp_path / "out", embedder=str(tmp_path / "judge.onnx"))
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_not_here_is_refused_before_anything_is_made(world: World, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--device is gpu"):
        judge(world, tmp_path / "out", device="gpu")
    assert not (tmp_path / "out").exists()


def test_another_generator_than_the_network_s_is_refused(world: World, tmp_path: Path) -> None:
    from synth.generator import load_generator, save_generator

    other = tmp_path / "other.safetensors"
    save_generator(load_generator(world.generator, "cpu"), other, {"command": "another recipe"})
    with pytest.raises(ValueError, match="another generator"):
        judge(world, tmp_path / "out", generator=str(other))


def test_an_out_that_is_a_file_is_refused_first(world: World, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("kept")
    with pytest.raises(ValueError, match="^--out .*text.png is a file"):
        judge(world, tmp_path / "text.png", embedder="none.pt")


def test_a_generator_in_the_place_of_a_network_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="generator"):
        judge(world, tmp_path, network=str(world.generator))


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_with_the_same_files(world: World, tmp_path: Path) -> None:
    words = ["--gallery", "2100", "--queries", "8", "--workers", "2"]
    started = subprocess.Popen([sys.executable, *command(world, tmp_path / "killed", *words)])
    try:
        deadline = time.time() + 600
        while len(list((tmp_path / "killed").rglob("*.h5"))) < 2:
            assert time.time() < deadline and started.poll() is None, (
                "the run ended or stalled before it could be killed"
            )
            time.sleep(0.02)
        started.send_signal(signal.SIGKILL)
    finally:
        started.kill()
        started.wait()
    subprocess.run([sys.executable, *command(world, tmp_path / "killed", *words)], check=True)
    subprocess.run([sys.executable, *command(world, tmp_path / "whole", *words)], check=True)
    killed, whole = ({p.relative_to(f): p.read_bytes() for p in f.rglob("*.h5")} for f in
                     (tmp_path / "killed", tmp_path / "whole"))  # fmt: skip
    assert killed == whole
    assert not list((tmp_path / "killed").rglob(".tmp-*"))


@pytest.mark.slow
def test_two_processes_of_torchrun_find_the_ranks_of_one(world: World, tmp_path: Path) -> None:
    words = ["--gallery", "1200", "--queries", "70"]
    subprocess.run([sys.executable, *command(world, tmp_path / "one", *words)], check=True)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*launcher, *command(world, tmp_path / "two", *words)], check=True)
    one, two = (json.loads((tmp_path / name / "retrieval.json").read_text()) for name in ("one", "two"))
    assert figures_of(one) == figures_of(two)


def test_a_mistyped_flag_stops_the_command_before_anything_is_made(world: World, tmp_path: Path) -> None:
    words = command(world, tmp_path / "out", "--galery", "10")
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert "--galery" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
