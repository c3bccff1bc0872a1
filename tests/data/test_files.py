"""Files are complete or absent."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.files import (
    HOST,
    atomic_path,
    check_file_place,
    check_folder_place,
    check_not_among,
    read_json,
    sha256,
    sweep_temporaries,
    write_json,
)


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path):
    with atomic_path(tmp_path / "new" / "a.txt") as temporary:
        temporary.write_text("one")
        assert not (tmp_path / "new" / "a.txt").exists()
        assert temporary.suffix == ".txt" and temporary.name.startswith(".")
    assert (tmp_path / "new" / "a.txt").read_text() == "one"
    assert os.listdir(tmp_path / "new") == ["a.txt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(KeyError), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        raise KeyError
    assert (tmp_path / "a.txt").read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_a_killed_writer_leaves_a_temporary_file_that_the_next_sweep_removes(tmp_path: Path, checkout: Path):
    program = (
        "import sys, time\nfrom data.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as path:\n    path.write_text('half')\n    print(flush=True)\n    time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.txt")]
    process = subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    sweep_temporaries(tmp_path)
    assert len(os.listdir(tmp_path)) == 1, "a live writer keeps its file"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(os.listdir(tmp_path)) == 1
    sweep_temporaries(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_sweep_leaves_other_hosts_and_other_names_alone(tmp_path: Path):
    names = [f".tmp-{HOST}x-1-a", ".tmp-", ".tmp-notes", f".tmp-{HOST}-abc-a"]
    for name in names:
        (tmp_path / name).touch()
    sweep_temporaries(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(names)


def test_json_holds_numpy_and_paths_and_has_no_nan(tmp_path: Path):
    content = {"a": np.float32(0.5), "b": np.arange(2), "c": float("nan"), "d": tmp_path, "e": [np.inf, (1, None)]}
    write_json(tmp_path / "a.json", content)
    plain = {"a": 0.5, "b": [0, 1], "c": None, "d": str(tmp_path), "e": [None, [1, None]]}
    assert read_json(tmp_path / "a.json") == plain
    assert json.loads((tmp_path / "a.json").read_text())


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_json_is_refused_by_name(tmp_path: Path, content: bytes):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match="a.json is not a JSON file"):
        read_json(tmp_path / "a.json")


def test_a_missing_json_file_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="b.json does not exist"):
        read_json(tmp_path / "b.json")


def test_sha256_is_that_of_the_bytes(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_place_that_takes_no_file_or_folder_is_refused_by_its_flag(tmp_path: Path):
    (tmp_path / "text.png").write_text("kept")
    check_file_place(tmp_path / "text.png")
    check_folder_place(tmp_path / "new" / "deeper")
    with pytest.raises(ValueError, match="^--out .* is a folder: give the name of a file in it"):
        check_file_place(tmp_path)
    with pytest.raises(ValueError, match="^--debug .*text.png is a file: give the name of a folder"):
        check_folder_place(tmp_path / "text.png", "--debug")
    for check in (check_file_place, check_folder_place):
        with pytest.raises(ValueError, match="^--out .* cannot be written: .*text.png is not a folder"):
            check(tmp_path / "text.png" / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.png"]


def test_an_output_in_the_place_of_an_input_is_refused_under_any_name(tmp_path: Path):
    photo, other = tmp_path / "a.png", tmp_path / "b.png"
    photo.write_text("kept")
    (tmp_path / "link.png").symlink_to(photo)
    (tmp_path / "hard.png").hardlink_to(photo)
    check_not_among([other], [photo])
    for name in ("a.png", "link.png", "hard.png", "../" + tmp_path.name + "/a.png"):
        with pytest.raises(ValueError, match="^--out .* is one of the files to read"):
            check_not_among([other, tmp_path / name], [photo])


def test_an_input_is_kept_though_the_way_to_it_leads_through_a_folder_that_is_still_to_be_made(tmp_path):
    photo = tmp_path / "in.png"
    photo.write_bytes(b"a photo")
    with pytest.raises(ValueError, match="one of the files to read"):
        check_not_among([tmp_path / "new" / ".." / "in.png"], [photo])
    check_not_among([tmp_path / "new" / "in.png"], [photo])
