"""What guests send, seen from within: a page of this process, whose networks are never needed."""

import os
import threading
import time

import gradio as gr
import gradio_client
import pytest
from PIL import Image

from data.images import write_image
from hairnet.page.actions import paths_in
from hairnet.page.door import check_files, files_in
from hairnet.page.folder import Folder
from hairnet.page.layout import build
from hairnet.page.studio import Studio

pytestmark = pytest.mark.xdist_group("page")


@pytest.fixture
def studio(tmp_path, monkeypatch):
    folder = Folder(tmp_path)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder.path))
    yield Studio(None, None, folder, 20)
    folder.close()


@pytest.fixture
def page(studio):
    page = build(studio, 2)
    page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, ssr_mode=False)
    yield page
    page.close()


def test_uploads_of_guests_who_wait_in_the_queue_stay_however_long_it_takes(studio, page, tmp_path):
    lawn = tmp_path / "lawn.png"
    write_image(Image.new("RGB", (60, 40), "green"), lawn)
    refusals = []

    def guest(k):
        one = gradio_client.Client(
            page.local_url, download_files=str(tmp_path / str(k)), verbose=False, httpx_kwargs={"timeout": 100}
        )
        photo = gradio_client.handle_file(lawn)
        try:
            words = (photo, None, photo, *[None] * 5, 0.5, None, 1.0, "all", "alpha", "photo")
            one.predict(*words, api_name="/transfer")
        except Exception as error:
            refusals.append(str(error))

    guests = [threading.Thread(target=guest, args=(k,)) for k in range(3)]
    with studio._lock:  # the first guest's photo takes long
        for one in guests:
            one.start()
        until = time.monotonic() + 100
        while sum(len(line.queue) for line in page._queue.event_queue_per_concurrency_id.values()) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        uploads = page.waiting()
        assert uploads and all(path.is_file() for path in uploads)
        for path in uploads:
            os.utime(path, (0, 0))
        idle = studio.folder.path / "idle.png"
        idle.write_text("nobody waits with it")
        os.utime(idle, (0, 0))
        studio.folder._used.clear()
        studio.folder.sweep()
        assert all(path.is_file() for path in uploads) and not idle.exists()
    for one in guests:
        one.join(60)
    assert len(refusals) == 3 and all("no face found" in text for text in refusals), refusals
    assert not page.waiting()


def test_files_are_found_wherever_they_are_hidden(tmp_path):
    sent = [1, {"a": [({"path": "x"},)], "path": {"path": 5}}, None]
    assert {str(name) for name in files_in(sent)} == {"x", "5", "{'path': 5}"}
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert list(files_in(deep)) == []
    check_files([{"path": str(tmp_path / "a.png")}], (tmp_path,))
    link = tmp_path / "link.png"
    link.symlink_to("/etc/hostname")
    for name in (str(link), str(tmp_path / ".." / "a.png"), "https://example.com/a.png", "a.png", "\0", "~"):
        with pytest.raises(ValueError, match="nothing is fetched"):
            check_files({"image": {"path": name}}, (tmp_path,))
    for name in (None, "", 5):
        with pytest.raises(ValueError, match="did not arrive"):
            check_files([{"path": name}], (tmp_path,))


@pytest.mark.parametrize("gallery", [5, {"image": None}, ["a"], [{"video": {"path": "a"}}], [{"image": None}]])
def test_a_gallery_of_anything_but_photos_is_refused(gallery):
    with pytest.raises(ValueError, match="Hair comes from photos"):
        paths_in(gallery)


def test_gradio_still_has_the_one_place_that_the_door_stands_in():
    assert "async_move_files_to_cache" in gr.Blocks.preprocess_data.__code__.co_names
