"""Seeds into shards: the same bytes for any worker count, resumed or not; mixing is refused."""

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from data.files import sha256
from data.images import to_uint8
from data.shards import Shards, read_arrays, read_attrs, shard_path, shard_paths
from synth import latents, load_generator
from synth.generator import save_generator
from synth.networks import Generator
from synth.sample import main, sample
from synth.shard import Sampling, make_shard

SEEDS, SHARD_SIZE = 1200, 50
PATIENCE = 300  # seconds; for machines under load


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random generator of 32 px."""
    torch.manual_seed(1)
    generator = Generator(z_dim=16, w_dim=16, resolution=32, mapping_layers=1, channel_base=256, channel_max=16)
    generator.mapping.w_avg.normal_()
    path = tmp_path_factory.mktemp("network") / "random.safetensors"
    save_generator(generator, path, {})
    return str(path)


@pytest.fixture(scope="module")
def undisturbed(network: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shards of one worker that nobody stopped."""
    out = tmp_path_factory.mktemp("undisturbed")
    sample(network, list(range(SEEDS)), out, shard_size=SHARD_SIZE, workers=1, device="cpu")
    return out


def start(network: str, out: Path, checkout: Path, *more: str, **options: bool) -> subprocess.Popen:
    command = [sys.executable, "-m", "synth.sample", "--generator", network, "--seeds", f"0-{SEEDS - 1}"]
    command += ["--shard-size", str(SHARD_SIZE), "--device", "cpu", "--out", str(out), *more]
    return subprocess.Popen(command, cwd=checkout, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)


def wait_for_a_shard(out: Path, process: subprocess.Popen) -> None:
    while not list(out.glob("shard-*.h5")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.002)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in shard_paths(folder)}  # "*.h5" would match what a killed writer leaves


def worker_of(process: subprocess.Popen) -> int:
    """The pid of a command's only worker."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next(int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes())


def one_shard(network: str, out: Path, seeds: list[int], **changes) -> dict[str, np.ndarray]:
    """The content of a shard of `seeds` made in this process."""
    G = load_generator(network, device="cpu")
    values = {"psi": 1.0, "noise": "const", "image_size": 32, "shard_size": 1000, "micro_batch": 16, **changes}
    make_shard(G, Sampling(network, generator_sha256=G.sha256, **values), out, 0, seeds, lambda count: None)
    return read_arrays(shard_path(out, 0))


def test_ctrl_c_ends_in_one_line_without_temporary_files(network: str, tmp_path: Path, checkout: Path):
    process = start(network, tmp_path, checkout, "--workers", "1")
    wait_for_a_shard(tmp_path, process)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "interrupted" in message and "Traceback" not in message
    assert list(tmp_path.glob(".*")) == []


def test_a_killed_command_resumes_with_other_workers_to_the_same_bytes(
    network: str, undisturbed: Path, tmp_path: Path, checkout: Path
):
    killed = start(network, tmp_path, checkout, "--workers", "1")
    wait_for_a_shard(tmp_path, killed)
    killed.kill()
    killed.communicate(timeout=PATIENCE)  # its worker holds the other end: it notices, and ends by itself
    assert 0 < len(digests(tmp_path)) < SEEDS / SHARD_SIZE

    resumed = start(network, tmp_path, checkout, "--workers", "2")
    output, message = resumed.communicate(timeout=PATIENCE)
    assert resumed.returncode == 0, message
    assert digests(tmp_path) == digests(undisturbed)
    assert len(digests(tmp_path)) == SEEDS / SHARD_SIZE
    assert list(tmp_path.glob(".*")) == []
    figures = json.loads((tmp_path / "sample.json").read_text())
    assert figures["found"] > 0 and figures["made"] + figures["found"] == SEEDS


def test_a_command_with_nothing_left_to_do_keeps_the_measured_rate(network: str, tmp_path: Path, capsys):
    for _ in range(2):
        main(generator=network, seeds="0-9", out=tmp_path, workers=1, device="cpu")
    assert "0 images made, 10 were there" in capsys.readouterr().out
    figures = json.loads((tmp_path / "sample.json").read_text())
    assert figures["made"] == 10 and figures["images_per_second"] > 0 and figures["processes"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "kills"), [(1, 17), (2, 17), (3, 16)])
def test_fifty_kills_at_random_moments_change_no_byte(
    network: str, undisturbed: Path, tmp_path: Path, checkout: Path, workers: int, kills: int
):
    """Command and workers die at once, while they start, synthesise, write or rename; the next command goes on."""
    random = np.random.RandomState(workers)
    for _ in range(kills):
        process = start(network, tmp_path, checkout, "--workers", str(workers), start_new_session=True)
        first_moment = time.monotonic() + random.uniform(2, 6)  # of these, some seconds go by before there is work
        while time.monotonic() < first_moment and process.poll() is None:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
        expected = digests(undisturbed)
        assert all(expected[name] == digest for name, digest in digests(tmp_path).items())
        if len(digests(tmp_path)) > 0.7 * len(expected):  # leave work for the next
            for path in random.permutation(sorted(tmp_path.glob("shard-*.h5")))[:15]:
                Path(path).unlink()
    process = start(network, tmp_path, checkout, "--workers", str(workers))
    _, message = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, message
    assert digests(tmp_path) == digests(undisturbed) and list(tmp_path.glob(".*")) == []


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_killed_worker_ends_the_command_with_a_sentence(network: str, tmp_path: Path, checkout: Path):
    process = start(network, tmp_path, checkout, "--workers", "1")
    wait_for_a_shard(tmp_path, process)
    os.kill(worker_of(process), signal.SIGKILL)
    _, message = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2 and "run the command again" in message and "Traceback" not in message


def test_a_seed_is_the_same_picture_in_any_shard(network: str, undisturbed: Path, tmp_path: Path):
    seeds = [3, 57, 199, 200, 201]
    alone = one_shard(network, tmp_path, seeds)
    shards = Shards(undisturbed)
    assert np.array_equal(alone["image"], shards.images(seeds))
    assert np.array_equal(alone["w"], shards.w[seeds])
    assert alone["seed"].tolist() == seeds


def test_of_a_shard_only_w_stays_in_memory_and_its_writer_is_heard_from_the_start(network: str, tmp_path: Path):
    G, heard, kept = load_generator(network, device="cpu"), [], []
    size = 16 * G.num_ws * G.w_dim * 4  # bytes of the ws of a micro-batch

    def alive() -> set[int]:
        tensors = [thing for thing in gc.get_objects() if type(thing) is torch.Tensor]
        return {x.data_ptr() for x in tensors if x.untyped_storage().nbytes() == size}

    before = alive()
    G.synthesis.register_forward_pre_hook(lambda *_: kept.append(len(alive() - before)))
    sampling = Sampling(network, 1.0, "const", 32, 1000, 16, G.sha256)
    make_shard(G, sampling, tmp_path, 0, list(range(200)), heard.append)
    assert len(kept) == 13 and max(kept) <= 2
    assert heard == [0] * 13 + [16] * 12 + [8]


def test_w_and_the_picture_belong_to_the_seed(network: str, tmp_path: Path):
    G = load_generator(network, device="cpu")
    found = one_shard(network, tmp_path, [11, 12], psi=0.5, noise="none")
    ws = G.mapping(latents([11, 12], G.z_dim), psi=0.5)
    assert np.allclose(found["w"], ws[:, 0], atol=1e-5)
    wanted = to_uint8(G.synthesis(ws, noise="none")).astype(int)
    assert np.abs(found["image"] - wanted).max() <= 1


def test_a_smaller_image_is_the_area_mean(network: str, tmp_path: Path):
    small = one_shard(network, tmp_path / "small", [1, 2], image_size=8)["image"].astype(float)
    G = load_generator(network, device="cpu")
    x = G.synthesis(G.mapping(latents([1, 2], G.z_dim)))
    mean = x.reshape(2, 3, 8, 4, 8, 4).mean(dim=(3, 5))
    assert np.abs(small - to_uint8(mean)).max() <= 1


def test_the_attributes_tell_how_to_make_the_shard_again(undisturbed: Path):
    attrs = read_attrs(shard_path(undisturbed, 1))
    flags = "--seeds 50-99 --psi 1.0 --noise const --image-size 32 --shard-size 50 --micro-batch 16 --dtype fp32"
    assert attrs["command"] == f"python -m synth.sample --generator random.safetensors {flags}"
    assert attrs["dtype"] == "float32" and attrs["version_torch"] and len(attrs["generator_sha256"]) == 64


def test_bfloat16_says_how_far_it_is_from_float32(network: str, tmp_path: Path, capsys: pytest.CaptureFixture):
    main(generator=network, seeds="0-9", out=tmp_path, dtype="bf16", workers=1, device="cpu")
    error = json.loads((tmp_path / "sample.json").read_text())["dtype_error"]
    assert 0 < error["rms"] < error["largest"] < 0.1
    assert f"bf16 is within {error['largest']:.1e} of fp32" in capsys.readouterr().out
    assert read_attrs(shard_path(tmp_path, 0))["dtype"] == "bfloat16"
    with pytest.raises(ValueError, match="dtype bfloat16, not float32"):
        sample(network, [0], tmp_path, device="cpu")


def test_the_zip_for_other_trainers_has_all_faces_of_the_folder(network: str, tmp_path: Path):
    for seeds in ("0-9", "10-19"):
        main(
            generator=network,
            seeds=seeds,
            out=tmp_path / "faces",
            shard_size=10,
            workers=1,
            device="cpu",
            export_zip=tmp_path / "faces.zip",
        )
    with zipfile.ZipFile(tmp_path / "faces.zip") as archive:
        assert len(archive.namelist()) == 21


def test_a_conditional_generator_is_sampled_by_class(tmp_path: Path):
    torch.manual_seed(2)
    conditional = Generator(8, 8, 8, 1, channel_base=64, channel_max=8, c_dim=3)
    save_generator(conditional, tmp_path / "classes.safetensors", {})
    path = str(tmp_path / "classes.safetensors")
    with pytest.raises(ValueError, match="^--label is missing, but .* has 3 classes: give one from 0 to 2"):
        sample(path, [0], tmp_path / "a", device="cpu")
    with pytest.raises(ValueError, match="^--label is 3, but .* has 3 classes"):
        sample(path, [0], tmp_path / "a", label=3, device="cpu")
    sample(path, [0, 1], tmp_path / "a", label=2, workers=1, device="cpu")
    w = conditional.mapping(latents([0, 1], 8), label=2)[:, 0].detach().numpy()
    assert np.allclose(read_arrays(shard_path(tmp_path / "a", 0))["w"], w, atol=1e-6)
    with pytest.raises(ValueError, match="label 2, not 1"):
        sample(path, [0], tmp_path / "a", label=1, device="cpu")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_pictures_are_the_same_within_a_grey_level(network: str, undisturbed: Path, tmp_path: Path):
    sample(network, list(range(20)), tmp_path, compile=True, workers=1, device="cpu")
    compiled = read_arrays(shard_path(tmp_path, 0))["image"].astype(int)
    assert np.abs(compiled - Shards(undisturbed).images(range(20))).max() <= 1
    assert read_attrs(shard_path(tmp_path, 0))["compiled"]


def test_under_torchrun_each_process_makes_its_share(network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    sample(network, list(range(40)), tmp_path, shard_size=10, workers=1, device="cpu")
    assert sorted(digests(tmp_path)) == ["shard-00001.h5", "shard-00003.h5"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [({"psi": 0.7}, "psi 1.0, not 0.7"), ({"noise": "none"}, "noise const"), ({"image_size": 16}, "image_size 32")],
)
def test_another_making_is_refused_in_the_same_folder(network: str, undisturbed: Path, changes: dict, name: str):
    with pytest.raises(ValueError, match=name):
        sample(network, [0], undisturbed, **{"shard_size": SHARD_SIZE, "device": "cpu", **changes})


def test_a_damaged_shard_is_refused_by_name(network: str, tmp_path: Path):
    one_shard(network, tmp_path, [0, 1])
    path = shard_path(tmp_path, 0)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"float32", b"float33"))
    with pytest.raises(ValueError, match="shard-00000.h5 is damaged: delete it and run its command again"):
        sample(network, [0, 1], tmp_path, shard_size=1000, device="cpu")


def test_another_shard_size_is_refused(network: str, undisturbed: Path):
    with pytest.raises(ValueError, match="shard_size 50, not 60.*another folder"):
        sample(network, [0], undisturbed, shard_size=60, device="cpu")


def test_a_shard_with_fewer_seeds_than_asked_for_is_never_taken_as_complete(network: str, tmp_path: Path):
    one_shard(network, tmp_path, [0, 1, 2])
    with pytest.raises(ValueError, match="lacks 2 of the seeds"):
        sample(network, [0, 1, 2, 3, 4], tmp_path, shard_size=1000, device="cpu")
    assert sample(network, [0, 2], tmp_path, shard_size=1000, device="cpu")["found"] == 2


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"image_size": 64}, "--image-size is 1 to 32"),
        ({"shard_size": 0}, "--shard-size is 1 to"),
        ({"micro_batch": 0}, "--micro-batch is 1 to"),
        ({"workers": 0}, "--workers is 1 to"),
        ({"device": "cuda:99"}, "--device is cuda:99, but this machine has"),
        ({"psi": -1e30}, "--psi is -1e.30, but it is from -2 to 2"),
        ({"psi": 2.1}, "--psi is 2.1"),
        ({"device": "tpu!"}, "--device is tpu!: it must be cpu, cuda"),
    ],
)
def test_flags_out_of_range_are_refused_before_any_work(network: str, tmp_path: Path, changes: dict, rule: str):
    with pytest.raises(ValueError, match=rule):
        sample(network, [0], tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_a_size_that_the_zip_does_not_take_is_refused_before_any_work(network: str, tmp_path: Path):
    with pytest.raises(ValueError, match="^--image-size is 24, but --export-zip takes powers of two"):
        main(generator=network, seeds="0", out=tmp_path / "out", image_size=24, export_zip=tmp_path / "faces.zip")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ({"export_zip": "text.png"}, "--export-zip .*text.png is not a name for a zip"),
        ({"export_zip": "text.png/a.zip"}, "--export-zip .* cannot be written"),
        ({"out": "text.png"}, "--out .*text.png is a file: give the name of a folder"),
        ({"seeds": "5-1"}, "--seeds '5-1' is not a range"),
        ({"seeds": "x"}, "--seeds 'x' is not a list"),
    ],
)
def test_files_of_users_are_kept_and_flags_named(network: str, tmp_path: Path, words: dict, rule: str):
    (tmp_path / "text.png").write_text("kept")
    words = {name: value if name == "seeds" else tmp_path / value for name, value in words.items()}
    with pytest.raises(ValueError, match=f"^{rule}"):
        main(**{"generator": network, "seeds": "0", "out": tmp_path / "out", "device": "cpu", **words})
    assert [path.read_text() for path in tmp_path.iterdir()] == ["kept"]
