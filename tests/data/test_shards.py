"""Shards: complete or absent, the same bytes each time, and nothing taken on trust."""

import contextlib
import multiprocessing
import os
import pickle
import resource
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from data.files import sha256
from data.shards import Shards, altered, attributes_path, read_arrays, read_attrs, shard_path, shard_paths, write_arrays

ATTRS = {"generator_sha256": "ab", "psi": 1.0, "noise": "const", "image_size": 8, "shard_size": 10}


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, (count, 8, 8, 3)).astype(np.uint8)


def write_shard(folder: Path, index: int, count: int = 10, **changes) -> Path:
    arrays = {
        "seed": np.arange(index * 10, index * 10 + count),
        "w": np.full((count, 4), index, np.float32),
        "image": pictures(count, index),
    }
    path = shard_path(folder, index)
    write_arrays(path, arrays, {**ATTRS, **changes})
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three shards of 10, 10 and 4 faces."""
    for index, count in ((0, 10), (1, 10), (12, 4)):
        write_shard(tmp_path, index, count)
    return tmp_path


def test_names_tell_the_shard():
    assert shard_path("a", 17) == Path("a/shard-00017.h5")
    assert attributes_path("a/shard-00017.h5") == Path("a/shard-00017.attributes.h5")
    assert shard_path("a", 123456).name == "shard-123456.h5"


def test_what_is_written_is_read_again(tmp_path: Path):
    arrays = {"a": np.arange(6).reshape(2, 3), "empty": np.zeros((0, 4), np.float32), "image": pictures(2)}
    write_arrays(tmp_path / "x.h5", arrays, {"psi": 0.7, "name": "ä", "none": "", "n": 3, "yes": True})
    found = read_arrays(tmp_path / "x.h5")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert np.array_equal(found[name], array) and found[name].dtype == array.dtype
    assert read_attrs(tmp_path / "x.h5") == {"psi": 0.7, "name": "ä", "none": "", "n": 3, "yes": True}
    assert list(read_arrays(tmp_path / "x.h5", ["a"])) == ["a"]


def test_batches_of_rows_give_the_bytes_of_the_whole(tmp_path: Path):
    images = pictures(10)
    write_arrays(tmp_path / "whole.h5", {"image": images}, ATTRS)
    batches = iter([images[:4], images[4:9], images[9:]])
    write_arrays(tmp_path / "rows.h5", {"image": (images.shape, np.uint8, batches)}, dict(reversed(ATTRS.items())))
    assert sha256(tmp_path / "whole.h5") == sha256(tmp_path / "rows.h5")


def test_images_have_one_chunk_each_and_latents_whole_rows(folder: Path):
    with h5py.File(shard_path(folder, 0)) as file:
        assert file["image"].chunks == (1, 8, 8, 3) and file["image"].compression is None
        assert file["w"].chunks == (10, 4)
        assert len(file["image"].attrs["sha256"]) == 64


def test_text_of_any_size_is_written_with_a_fixed_length(tmp_path: Path):
    texts = {"short": "a", "file": os.fsdecode(b"\xff.pkl"), "long": "0,2," * 100_000}
    texts |= {f"more_{k}": str(k) for k in range(20)}
    write_arrays(tmp_path / "x.h5", {"a": np.arange(3)}, texts)
    assert read_attrs(tmp_path / "x.h5") == texts
    with h5py.File(tmp_path / "x.h5") as file:
        kinds = {place.attrs.get_id(name).dtype.kind for place in (file, file["a"]) for name in place.attrs}
    assert kinds == {"S"}


def test_text_of_variable_length_is_refused_and_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch):
    path = shard_path(folder, 0)
    with h5py.File(path, "r+") as file:
        file["w"].attrs["sha256"] = file.attrs["dtype"] = "text"
    plain = h5py.AttributeManager.__getitem__

    def careful(attrs: h5py.AttributeManager, name: str):
        assert attrs.get_id(name).dtype.kind != "O", "HDF5 may never come back"
        return plain(attrs, name)

    monkeypatch.setattr(h5py.AttributeManager, "__getitem__", careful)
    for read in (lambda: read_attrs(path), lambda: altered(path), lambda: Shards(folder)):
        with pytest.raises(ValueError, match="shard-00000.h5 was written by an earlier version .*: make it again$"):
            read()


def test_what_is_damaged_later_is_refused_as_well(folder: Path):
    shards = Shards(folder)
    attributes_path(shards.paths[0]).write_bytes(b"nothing of the kind")
    shards.paths[1].write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="shard-00001.h5 is damaged: delete it and run its command again$"):
        shards.images([0, 10])
    with pytest.raises(ValueError, match="shard-00000.attributes.h5 is damaged: delete it"):
        shards.attributes("yaw")


def test_damaged_bytes_anywhere_are_no_error_but_ours(tmp_path: Path):
    path = write_shard(tmp_path, 0)
    raw, random = path.read_bytes(), np.random.RandomState(0)
    refused = 0
    for place in random.choice(len(raw), 300, replace=False):
        changed = bytearray(raw)
        changed[place] ^= 1 << random.randint(8)
        path.write_bytes(changed)
        try:
            Shards(tmp_path).images(range(10))
            read_arrays(path), read_attrs(path)
        except ValueError as error:
            refused += 1
            assert "shard-00000.h5" in str(error)
    assert refused > 30


def test_a_killed_writer_leaves_no_shard(tmp_path: Path, checkout: Path):
    program = """
import sys, time, numpy as np
from data.shards import write_arrays
def rows():
    yield np.zeros((2, 8, 8, 3), np.uint8)
    print(flush=True)
    time.sleep(60)
write_arrays(sys.argv[1], {"image": ((4, 8, 8, 3), np.uint8, rows())}, {})
"""
    path = shard_path(tmp_path, 0)
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=checkout, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not path.exists() and len(os.listdir(tmp_path)) == 1
    write_shard(tmp_path, 0)
    assert os.listdir(tmp_path) == ["shard-00000.h5"]


def test_a_writer_that_fails_keeps_the_shard_that_was_there(folder: Path):
    before = sha256(shard_path(folder, 0))

    def rows():
        yield pictures(2)
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        write_arrays(shard_path(folder, 0), {"image": ((4, 8, 8, 3), np.uint8, rows())}, {})
    assert sha256(shard_path(folder, 0)) == before and len(os.listdir(folder)) == 3


def test_a_folder_of_shards_is_one_table(folder: Path):
    shards = Shards(folder)
    assert len(shards) == 24 and [path.name for path in shards.paths][-1] == "shard-00012.h5"
    assert shards.seeds.tolist() == [*range(20), *range(120, 124)]
    assert shards.w.shape == (24, 4) and shards.w[:, 0].tolist() == [0] * 10 + [1] * 10 + [12] * 4
    assert shards.attrs["psi"] == 1.0
    rows = [23, 0, 11, 11]
    assert np.array_equal(shards.images(rows), [pictures(4, 12)[3], pictures(10)[0], *pictures(10, 1)[[1, 1]]])
    assert shards.images([]).shape == (0, 8, 8, 3)


def test_batches_run_over_shards_in_order(folder: Path):
    batches = list(Shards(folder).batches(9))
    assert [len(rows) for rows, _ in batches] == [9, 9, 6]
    images = np.concatenate([images for _, images in batches])
    assert np.array_equal(images, np.concatenate([pictures(10), pictures(10, 1), pictures(4, 12)]))


@pytest.mark.parametrize("rows", [[24], [-1], [0, 99]])
def test_rows_that_do_not_exist_are_refused(folder: Path, rows: list[int]):
    with pytest.raises(ValueError, match="it has 24"):
        Shards(folder).images(rows)


def total(shards: Shards) -> int:
    return int(shards.images(range(24)).sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_open_shards_may_be_handed_to_workers(folder: Path, method: str):
    shards = Shards(folder)
    expected = total(shards)  # leaves open handles behind
    assert total(pickle.loads(pickle.dumps(shards))) == expected
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(total, [shards] * 4) == [expected] * 4


def test_measured_columns_are_read_along(folder: Path):
    shards = Shards(folder)
    with pytest.raises(ValueError, match="shard-00000.attributes.h5 is missing: run `python -m directions.measure"):
        shards.attributes("yaw")
    for path, count in zip(shards.paths, (10, 10, 4), strict=True):
        write_arrays(attributes_path(path), {"yaw": np.full(count, np.nan, np.float32)}, {})
    assert Shards(folder).attributes("yaw").shape == (24,) and np.isnan(shards.attributes("yaw")).all()
    with pytest.raises(ValueError, match=r"no column 'pitch' \(yaw\)"):
        shards.attributes("pitch")
    write_arrays(attributes_path(shards.paths[2]), {"yaw": np.zeros(5, np.float32)}, {})
    with pytest.raises(ValueError, match="another number of rows"):
        shards.attributes("yaw")


def test_an_empty_or_missing_folder_says_what_to_run(tmp_path: Path):
    (tmp_path / "shard-1.h5").touch()
    (tmp_path / ".tmp-host-1-shard-00000.h5").touch()
    with pytest.raises(ValueError, match="has no shards .*python -m synth.sample"):
        Shards(tmp_path)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        Shards(tmp_path / "none")
    assert shard_paths(tmp_path / "none") == []


@pytest.mark.parametrize(("name", "value"), [("generator_sha256", "cd"), ("psi", 0.5), ("noise", "none")])
def test_shards_of_different_makings_are_refused(folder: Path, name: str, value):
    write_shard(folder, 2, **{name: value})
    with pytest.raises(ValueError, match=rf"made with {name} .*delete it or use another folder"):
        Shards(folder)


def edit(name: str):
    """A change of one dataset of a good shard."""

    def change(path: Path, **options) -> None:
        with h5py.File(path, "r+") as file:
            del file[name]
            file.create_dataset(name, **options)

    return change


def link_elsewhere(path: Path) -> None:
    secret = path.with_name("secret.h5")
    with h5py.File(secret, "w") as file:
        file["w"] = np.zeros((10, 4), np.float32)
    with h5py.File(path, "r+") as file:
        del file["w"]
        file["w"] = h5py.ExternalLink(str(secret), "w")


def soft_link(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["other"] = np.zeros((10, 4), np.float32)
        del file["w"]
        file["w"] = h5py.SoftLink("/other")


def external_storage(path: Path) -> None:
    (path.parent / "raw").write_bytes(bytes(160))
    edit("w")(path, shape=(10, 4), dtype="f4", external=[(str(path.parent / "raw"), 0, 160)])


def virtual(path: Path) -> None:
    layout = h5py.VirtualLayout((10, 4), "f4")
    layout[:] = h5py.VirtualSource(str(path.parent / "x.h5"), "w", shape=(10, 4))
    with h5py.File(path, "r+") as file:
        del file["w"]
        file.create_virtual_dataset("w", layout)


def group(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["w"]
        file.create_group("w")


def objects(path: Path) -> None:
    edit("w")(path, shape=(10,), dtype=h5py.string_dtype())


def promise_of_terabytes(path: Path) -> None:
    edit("image")(path, shape=(10, 1 << 20, 1 << 20, 3), dtype="u1", chunks=(1, 64, 64, 3))


def deflate_bomb(path: Path) -> None:
    edit("image")(path, data=np.zeros((10, 256, 256, 3), np.uint8), compression="gzip")


def other_chunks(path: Path) -> None:
    edit("image")(path, data=pictures(10), chunks=(2, 8, 8, 3))


def other_type(path: Path) -> None:
    edit("w")(path, data=np.zeros((10, 4)))


def fewer_rows(path: Path) -> None:
    edit("seed")(path, data=np.arange(9))


def missing(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["seed"]


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-500])


def text(path: Path) -> None:
    path.write_text("not HDF5")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HOSTILE = [link_elsewhere, soft_link, external_storage, virtual, group, objects, promise_of_terabytes, deflate_bomb]
HOSTILE += [other_chunks, other_type, fewer_rows, missing, truncated, text, a_folder]


@pytest.mark.parametrize("damage", HOSTILE)
def test_a_hostile_or_damaged_shard_is_refused_by_name(tmp_path: Path, damage):
    path = write_shard(tmp_path, 0)
    damage(path)
    with pytest.raises((ValueError, FileNotFoundError), match=r"shard-00000\.h5.*: .*") as caught:
        Shards(tmp_path)
    assert "\n" not in str(caught.value)


def test_what_the_system_cannot_open_is_not_called_damaged(tmp_path: Path):
    write_arrays(tmp_path / "x.h5", {"a": np.zeros(3)}, {})
    taken, limit = [], resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, limit[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(open(tmp_path / "x.h5", "rb"))
        with pytest.raises(OSError, match="Too many open files"):
            read_arrays(tmp_path / "x.h5")
    finally:
        for file in taken:
            file.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert read_arrays(tmp_path / "x.h5")["a"].shape == (3,)
