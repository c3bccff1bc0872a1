import os
import subprocess
import time

from hairnet.page.folder import MINUTES, PREFIX, Folder


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
    folder.use([used])
    folder.sweep()
    assert used.exists() and not old.exists()


def test_a_guest_who_leaves_takes_their_results_along_but_not_those_of_others(tmp_path):
    folder = Folder(tmp_path)
    mine, theirs = put(folder), put(folder)
    folder.give("a", [mine])
    folder.give("b", [theirs])
    folder.leave("a")
    assert not mine.exists() and not mine.parent.exists() and theirs.exists()
    folder.leave("b")
    folder.leave("b")
    assert not theirs.exists()


def test_an_upload_stays_for_a_guest_who_waits_in_the_queue_with_the_same_photo(tmp_path):
    folder = Folder(tmp_path)
    photo = upload(folder)
    folder.use([photo])
    folder.give("a", [put(folder)])
    folder.leave("a")
    assert photo.exists()


def test_files_elsewhere_are_none_of_its_business(tmp_path):
    folder = Folder(tmp_path / "..")
    photo = tmp_path / "photo.jpg"
    photo.write_text("mine")
    folder.use([photo])
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
