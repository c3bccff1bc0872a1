"""Folders of pictures: everything hostile is left out with its reason, the rest is square, ordered and made once."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data.files import read_json, sha256
from synth.training import pictures as module
from synth.training.pictures import Pictures, files_of, prepare


def save(path: Path, width: int, height: int, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.RandomState(seed).randint(0, 256, (height, width, 3), np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures among what else lies about."""
    photos = tmp_path / "photos"
    for k, name in enumerate(("a.png", "b.jpg", "deep/er/c.webp", "d.bmp", "e.gif")):
        save(photos / name, 40 + k, 36, k)
    save(photos / "small.png", 31, 400, 9)
    save(photos / ".hidden.png", 64, 64, 9)
    save(photos / ".thumbs" / "x.png", 64, 64, 9)
    (photos / "empty.jpg").touch()
    (photos / "text.png").write_text("<svg onload='alert(1)'/>")
    (photos / "cut.jpg").write_bytes((photos / "b.jpg").read_bytes()[:400])
    (photos / "notes.txt").write_text("not named like a picture")
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (200_000).to_bytes(4, "big") * 2 + b"\x08\2\0\0\0" + b"\0" * 40
    (photos / "bomb.png").write_bytes(bomb)
    (photos / "gone.png").symlink_to("nowhere")
    (photos / "loop").symlink_to(photos)
    (photos / "device.png").symlink_to("/dev/zero")
    os.mkfifo(photos / "pipe.png")
    (photos / "folder.png").mkdir()
    Path(os.fsdecode(os.fsencode(photos) + b"/\xff\xfe.png")).write_text("a name that is no text")
    return photos


def test_pictures_are_read_and_all_else_is_left_out_with_a_reason(folder: Path, tmp_path: Path, capsys):
    prepare(folder, tmp_path / "out", 32, aligned=False)
    made = Pictures(tmp_path / "out")
    assert len(made) == 5
    assert [files_of(folder)[k].name for k in made.shards.seeds] == ["a.png", "b.jpg", "d.bmp", "c.webp", "e.gif"]
    batch = made.batch(torch.tensor([4, 0]))
    assert batch.shape == (2, 3, 32, 32) and batch.dtype == torch.float32 and batch.abs().max() <= 1
    skipped = read_json(tmp_path / "out" / "skipped.json")["skipped"]
    names = {Path(name).name for name in skipped}
    assert len(skipped) == 9 and {"small.png", "empty.jpg", "text.png", "cut.jpg", "bomb.png"} < names
    assert any("less than --size 32" in reason for reason in skipped.values())
    assert "9 of 14 files are left out" in capsys.readouterr().out


def test_a_picture_is_the_square_in_its_middle(tmp_path: Path):
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, 16:48] = 255
    (tmp_path / "photos").mkdir()
    Image.fromarray(pixels).save(tmp_path / "photos" / "a.png")
    prepare(tmp_path / "photos", tmp_path / "out", 32, aligned=False)
    assert (Pictures(tmp_path / "out").batch(torch.tensor([0])) == 1).all()


def test_a_broken_preparation_goes_on_and_another_folder_is_refused(folder: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "SHARD", 3)
    monkeypatch.setattr(module, "cores", lambda: 1)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    mark = prepare(folder, whole, 32, aligned=False)
    assert prepare(folder, broken, 32, aligned=False) == mark
    for name in ("skipped.json", "shard-00000.json", "shard-00000.h5"):
        (broken / name).unlink()
    assert prepare(folder, broken, 32, aligned=False) == mark == prepare(folder, broken, 32, aligned=False, rank=1)
    digests = [{path.name: sha256(path) for path in place.iterdir()} for place in (whole, broken)]
    assert digests[0] == digests[1]
    with pytest.raises(ValueError, match="made of other files, or with other flags"):
        prepare(folder, whole, 64, aligned=False)
    save(folder / "z.png", 64, 64, 1)
    (broken / "skipped.json").unlink()
    assert prepare(folder, broken, 32, aligned=False) != mark
    assert len(Pictures(broken)) == 6


def test_faces_are_cut_out_where_that_is_asked_for(tmp_path: Path):
    from synth.heads import Head, render

    (tmp_path / "photos").mkdir()
    photo = Image.new("RGB", (400, 300), "grey")
    photo.paste(Image.fromarray(render(Head.sample(1), 160).image), (200, 80))
    photo.save(tmp_path / "photos" / "face.png")
    Image.new("RGB", (400, 300), "grey").save(tmp_path / "photos" / "wall.png")
    prepare(tmp_path / "photos", tmp_path / "out", 64, aligned=True)
    assert len(Pictures(tmp_path / "out")) == 1
    assert "no face" in next(iter(read_json(tmp_path / "out" / "skipped.json")["skipped"].values()))


def test_a_folder_without_pictures_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="holds no pictures"):
        prepare(tmp_path, tmp_path / "out", 32, aligned=False)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        prepare(tmp_path / "nowhere", tmp_path / "out", 32, aligned=False)
