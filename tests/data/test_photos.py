"""Photos as users name them."""

from pathlib import Path

import pytest

from data.photos import names_of, parse_paths, photos_of


def test_a_folder_gives_its_photos_by_name_and_nothing_else(tmp_path):
    for name in ("b.JPG", "a.png", "notes.txt", "c.webp"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in photos_of(tmp_path)] == ["a.png", "b.JPG", "c.webp"]


@pytest.mark.parametrize(("make", "why"), [(Path.mkdir, "holds no photos"), (Path.touch, "is not a folder")])
def test_what_holds_no_photos_is_refused_with_the_flag_that_named_it(tmp_path, make, why):
    make(tmp_path / "x")
    with pytest.raises(ValueError, match=f"^--faces .*x {why}"):
        photos_of(tmp_path / "x", "--faces")


def test_results_are_named_by_stem_unless_two_photos_share_it():
    photos = [Path("x/bob.jpg"), Path("x/BOB.png"), Path("x/ann.png")]
    assert list(names_of(photos).values()) == ["bob.jpg", "BOB.png", "ann"]
    assert list(names_of([Path("a.jpg"), Path("a.png"), Path("a.jpg.png")]).values()) == ["a.jpg", "a.png", "a.jpg.png"]


def test_a_list_of_photos_has_commas_between_them():
    assert parse_paths(" a.png, b/c.png ,", "--hairs") == [Path("a.png"), Path("b/c.png")]
    with pytest.raises(ValueError, match="--hairs is ' , '"):
        parse_paths(" , ", "--hairs")
