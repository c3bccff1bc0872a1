"""`python -m synth.heads` as a user runs it."""

import subprocess
import sys

import numpy as np
from PIL import Image

from synth.heads import Head, render


def command(checkout, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "synth.heads", *words], cwd=checkout, capture_output=True, text=True, timeout=300
    )


def test_it_writes_pictures_labels_and_a_sheet_and_keeps_what_is_complete(checkout, tmp_path):
    out = tmp_path / "heads"
    kept = out / "head-000001.png"
    out.mkdir()
    Image.new("RGB", (32, 32), "red").save(kept)  # complete at this size: kept
    Image.new("RGB", (16, 16), "red").save(out / "head-000002.png")  # another size: rendered again
    done = command(checkout, "--seeds", "0-2", "--out", str(out), "--size", "32")
    assert done.returncode == 0, done.stderr
    expected = render(Head.sample(2), 32)
    assert np.array_equal(np.asarray(Image.open(out / "head-000002.png")), expected.image)
    assert np.asarray(Image.open(kept))[0, 0].tolist() == [255, 0, 0]
    assert (out / "sheet.png").is_file()


def test_labels_are_grey_pictures_of_label_numbers(checkout, tmp_path):
    done = command(checkout, "--seeds", "3", "--out", str(tmp_path), "--size", "32", "--labels", "true")
    assert done.returncode == 0, done.stderr
    labels = Image.open(tmp_path / "head-000003-labels.png")
    assert labels.mode == "L"
    assert np.array_equal(np.asarray(labels), render(Head.sample(3), 32).labels)


def test_a_wrong_size_is_one_sentence_before_any_file(checkout, tmp_path):
    done = command(checkout, "--seeds", "0", "--out", str(tmp_path / "new"), "--size", "8")
    assert done.returncode == 2
    assert "16 to 1024" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()
