import os
import subprocess
import time

from hairnet.page.folder import LINGER, MINUTES, PREFIX, Folder


def put(folder, name="a.jpg"):
    path = folder.new(name)
    path.write_text("photo")
    return path


def test_only_its_owner_can_read_the_folder_and_names_cannot_leave_it(tmp_path):
    folder = Folder(tmp_path)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    path = put(folder, "../../a b/ü.jpg")
    assert folder.path == path.parent.parent and path.suffix == ".jpg"


def upload(folder, name="a.jpg", minutes_ago=0.0):
    """A file as Gradio places it."""
    path = folder.path / "sha" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("photo")
    then = time.time() - 60 * minutes_ago
    os.utime(path, (then, then))
    return path


def test_what_nobody_has_used_for_a_while_is_deleted_and_what_is_used_stays(tmp_path):
    folder = Folder(tmp_path)
    old, used = upload(folder, "old.jpg", MINUTES + 1), upload(folder, "used.jpg", MINUTES + 1)
    folder.use("guest", [used])
    folder.sweep()
    assert used.exists() and not old.exists()
    used.unlink()
    folder.sweep()


def test_a_guest_who_leaves_takes_their_files_along_but_not_those_of_others(tmp_path):
    folder = Folder(tmp_path)
    mine, ours = put(folder), put(folder)
    folder.use("a", [mine, ours])
    folder.use("b", [ours])
    folder.leave("a")
    assert not mine.exists() and not mine.parent.exists() and ours.exists()
    folder.leave("b")
    assert not ours.exists()


def test_an_upload_stays_for_a_guest_who_waits_in_the_queue_with_the_same_photo(tmp_path):
    folder = Folder(tmp_path)
    photo = upload(folder, minutes_ago=LINGER - 1)
    folder.use("a", [photo])
    folder.leave("a")
    assert photo.exists(), "somebody else may just have uploaded it"
    os.utime(photo, (time.time() - 60 * LINGER - 5,) * 2)
    folder.sweep()
    assert not photo.exists()


def test_an_upload_whose_guest_has_left_but_which_another_uses_stays(tmp_path):
    folder = Folder(tmp_path)
    photo = upload(folder, minutes_ago=LINGER + 1)
    folder.use("a", [photo])
    folder.use("b", [photo])
    folder.leave("a")
    assert photo.exists()
    folder.leave("b")
    assert not photo.exists()


def test_files_elsewhere_are_none_of_its_business(tmp_path):
    folder = Folder(tmp_path / "..")
    photo = tmp_path / "photo.jpg"
    photo.write_text("mine")
    folder.use("a", [photo])
    folder.leave("a")
    folder.close()
    assert photo.exists() and not folder.path.exists()


def test_what_a_killed_page_left_behind_goes_at_the_next_start(tmp_path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = tmp_path / f"{PREFIX}{ended.pid}-abc"
    left.mkdir()
    (left / "photo.jpg").write_text("left")
    running = Folder(tmp_path)
    Folder(tmp_path)
    assert not left.exists() and running.path.exists()
