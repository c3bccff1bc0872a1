"""Missing, truncated and altered shards are found, and so are the seeds to make again."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from data.command import run
from data.files import sha256
from data.shards import attributes_path, shard_path, write_arrays
from data.verify import main, verify

COMMAND = "python -m synth.sample --generator ffhq.pkl --seeds 0-9 --psi 0.7 --noise const --shard-size 10 --compile"


def write_shard(folder: Path, index: int, count: int = 10, command: str = COMMAND, size: int = 10) -> Path:
    seeds = np.arange(index * size, index * size + count)
    images = np.random.RandomState(index).randint(0, 256, (count, 8, 8, 3)).astype(np.uint8)
    path = shard_path(folder, index)
    arrays = {"seed": seeds, "w": np.full((count, 4), index, np.float32), "image": images}
    attrs = {"generator_sha256": "ab" * 32, "psi": 1.0, "noise": "const", "dtype": "float32", "shard_size": size}
    write_arrays(path, arrays, attrs | {"command": command})
    measured = {"seed": seeds, "yaw": seeds.astype(np.float32)}
    write_arrays(attributes_path(path), measured, {"shard_sha256": sha256(path)})
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Shards 0 to 4."""
    for index in range(5):
        write_shard(tmp_path, index)
    return tmp_path


def test_whole_shards_are_found_whole(folder: Path, capsys: pytest.CaptureFixture):
    main(folder, seeds="0-49")
    assert "5 shards, all as they were written" in capsys.readouterr().out
    assert not verify(folder).shards


def test_a_missing_shard_is_a_gap_or_what_was_asked_for(folder: Path):
    shard_path(folder, 2).unlink()
    assert verify(folder).shards == {shard_path(folder, 2): "missing"}
    assert verify(folder).again == list(range(20, 30))
    found = verify(folder, seeds=[*range(40), 57, 58])
    assert list(found.shards) == [shard_path(folder, 2), shard_path(folder, 5)]
    assert found.again == [*range(20, 30), 57, 58]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_pixel(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        place = file["image"].id.get_chunk_info(3).byte_offset + 17
    raw[place] ^= 1
    path.write_bytes(raw)


def change_w(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["w"][1, 2] += 1


def rename_from_another(path: Path) -> None:
    path.write_bytes(shard_path(path.parent, 4).read_bytes())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (truncate, "damaged: .*is damaged: delete it"),
        (flip_a_pixel, "altered: image"),
        (change_w, "altered: w"),
        (rename_from_another, "seeds are not those of its number"),
        (lambda path: write_shard(path.parent, 1, size=1_000_001), "altered: its shard_size is 1000001"),
        (lambda path: path.write_bytes(b"nothing of the kind"), "damaged"),
    ],
)
def test_a_damaged_shard_is_found_with_its_seeds(folder: Path, change, reason: str, capsys: pytest.CaptureFixture):
    change(shard_path(folder, 1))
    with pytest.raises(SystemExit) as ended:
        run(main, [str(folder)])
    said = capsys.readouterr()
    command = f"`{COMMAND.replace('0-9', '10-19')} --out {folder}` (with the path of ffhq.pkl)"
    assert ended.value.code == 2 and command in said.err
    assert len(said.out.splitlines()) == 1 and re.search(reason, said.out)


@pytest.mark.parametrize("value", [b"float32", b"ab" * 32, COMMAND.encode()])
def test_an_altered_letter_of_an_attribute_is_found(folder: Path, value: bytes):
    path = shard_path(folder, 1)
    raw = path.read_bytes()
    first = raw.index(value)
    for place in np.linspace(first, first + len(value) - 1, 7).astype(int):
        changed = bytearray(raw)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert list(verify(folder).shards) == [path]


def test_an_altered_byte_anywhere_is_found_or_means_nothing(tmp_path: Path):
    path = write_shard(tmp_path, 0)
    raw, random = path.read_bytes(), np.random.RandomState(1)
    reasons = []
    for place in random.choice(len(raw), 200, replace=False):
        changed = bytearray(raw)
        changed[place] ^= 1 << random.randint(8)
        path.write_bytes(changed)
        reasons.append(verify(tmp_path).shards.get(path))
    found = [reason for reason in reasons if reason]
    assert len(found) > 100 and all(re.match("damaged: .*shard-00000.h5|altered: ", reason) for reason in found)


def test_a_damaged_file_far_away_stands_for_itself_alone(folder: Path):
    for name in ("shard-9999999999.h5", "shard-00099.h5"):
        (folder / name).write_bytes(shard_path(folder, 0).read_bytes())
    found = verify(folder)
    assert list(found.shards) == [folder / "shard-00099.h5", folder / "shard-9999999999.h5"]
    assert found.again == list(range(990, 1000))  # the other would own seeds that there are not


def test_what_is_missing_before_a_damaged_last_shard_is_found_too(folder: Path):
    shard_path(folder, 3).unlink()
    truncate(shard_path(folder, 4))
    assert verify(folder).again == list(range(30, 50))


def test_a_span_of_too_many_shards_asks_for_the_seeds(folder: Path):
    write_shard(folder, 2_000_000)
    with pytest.raises(ValueError, match="spans 2,000,001 shards, most of them missing: say with --seeds"):
        verify(folder)
    assert not verify(folder, [*range(50), 20_000_000]).shards


def test_more_seeds_than_a_command_takes_are_not_listed(tmp_path: Path):
    for index in (0, 20):
        write_shard(tmp_path, index, size=1_000_000)
    with pytest.raises(ValueError, match="19 missing .* run synth.sample with the flags and seeds of before$"):
        main(tmp_path)


def test_of_a_damaged_last_shard_it_is_said_that_it_may_have_been_shorter(folder: Path):
    truncate(shard_path(folder, 4))
    with pytest.raises(
        ValueError, match=r"--seeds 40-49 .* \(the last one may have had fewer seeds: --seeds says which"
    ):
        main(folder)
    with pytest.raises(ValueError, match=r"--seeds 40-44 .*ffhq.pkl\)$"):
        main(folder, seeds="0-44")


def test_a_shard_that_lacks_seeds_is_found_when_they_are_asked_for(folder: Path):
    write_shard(folder, 4, count=7)
    assert not verify(folder).shards
    assert verify(folder, list(range(50))).shards == {shard_path(folder, 4): "lacks 3 of the seeds"}


def test_measurements_are_of_the_shard_beside_them(folder: Path):
    other = attributes_path(shard_path(folder, 3))
    other.write_bytes(attributes_path(shard_path(folder, 1)).read_bytes())
    truncate(attributes_path(shard_path(folder, 0)))
    found = verify(folder)
    assert not found.shards and found.measurements[other] == "measured on another shard"
    assert "is damaged: delete it" in found.measurements[attributes_path(shard_path(folder, 0))]
    with pytest.raises(ValueError, match="2 damaged measurements: delete them and measure again"):
        main(folder)


def test_when_no_shard_is_whole_nobody_knows_its_seeds(tmp_path: Path):
    truncate(write_shard(tmp_path, 0))
    with pytest.raises(ValueError, match="with the flags and seeds of before"):
        main(tmp_path)


def test_a_command_that_other_programs_have_put_there_is_not_passed_on(tmp_path: Path):
    write_shard(tmp_path, 0, command="rm -r ~ ; python -m synth.sample --seeds 0-9")
    write_shard(tmp_path, 2)
    with pytest.raises(ValueError, match="run synth.sample with the flags of before and --seeds 10-19$"):
        main(tmp_path)


def test_a_file_and_a_missing_path_are_refused_by_name(tmp_path: Path):
    (tmp_path / "a.txt").write_text("kept")
    with pytest.raises(FileNotFoundError, match="^FOLDER .*a.txt is a file: give a folder"):
        main(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError, match="^FOLDER .*b does not exist: give a folder"):
        main(tmp_path / "b")


def test_a_folder_without_shards_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="has no shards"):
        main(tmp_path)
