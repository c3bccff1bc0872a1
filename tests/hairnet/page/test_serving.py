"""Many guests at once: each gets their own answer, and the process stays within its memory."""

import functools
import http.server
import itertools
import re
import threading

import httpx
import numpy as np
import pytest
from PIL import Image

from data.images import read_image, write_image
from faces.parsing import load_parser
from hairnet.model import load_network
from hairnet.page.door import ELSEWHERE
from hairnet.page.examples import faces, hairs
from hairnet.page.folder import PREFIX, Folder
from hairnet.page.studio import Studio, Wishes

gradio_client = pytest.importorskip("gradio_client", reason="Gradio is not installed: pip install '.[demo]'")

pytestmark = pytest.mark.xdist_group("page")  # one page for all, as it takes its time to start
WISHES = ("all", "alpha", "photo")
MOST_MEMORY = 3_000_000_000  # bytes, most of them PyTorch's


def client(page, folder):
    """A guest of their own session; patient, as twenty of them share a machine."""
    return gradio_client.Client(page.url, download_files=str(folder), verbose=False, httpx_kwargs={"timeout": 600})


def ask(page, face, hair, take, folder):
    """The file that a guest downloads."""
    guest = client(page, folder)
    photos = (gradio_client.handle_file(face), None, gradio_client.handle_file(hair), None, None, None, None, None)
    answer = guest.predict(*photos, 0.5, None, 1.0, take, "alpha", "photo", api_name="/transfer")
    value = answer[2]
    return value["value"]["path"] if isinstance(value["value"], dict) else value["value"]


@pytest.mark.parametrize("guests", [6, pytest.param(20, marks=pytest.mark.slow)])
def test_guests_at_once_each_get_their_right_answer_in_bounded_memory(page, tmp_path, guests):
    pairs = list(itertools.product(faces(), hairs()))[:guests]
    wanted = [(face, hair, "all" if k % 2 else "colour") for k, (face, hair) in enumerate(pairs)]
    got: dict[int, str] = {}

    def guest(k):
        got[k] = ask(page, *wanted[k], tmp_path / str(k))

    threads = [threading.Thread(target=guest, args=(k,)) for k in range(guests)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert len(got) == guests

    alone = Studio(load_network("builtin", "cpu"), load_parser("builtin", "cpu"), Folder(tmp_path), 20)
    answers = []
    for k, (face, hair, take) in enumerate(wanted):
        made = alone.transfer((face, None), [(hair, None)], [1.0], Wishes(take=take), lambda *_: None)
        answers.append(np.asarray(read_image(got[k])))
        assert np.array_equal(answers[-1], np.asarray(read_image(made.download))), f"guest {k} got something else"
    same = [np.array_equal(a, b) for a, b in itertools.combinations(answers, 2)]
    assert not any(same), "no two guests asked for the same"
    alone.folder.close()
    assert page.memory < MOST_MEMORY, f"{page.memory:,} bytes"


def test_a_refusal_is_one_sentence_for_clients_too(page, tmp_path):
    lawn = tmp_path / "lawn.png"
    write_image(Image.new("RGB", (300, 200), "green"), lawn)
    with pytest.raises(Exception, match="lawn.png: no face found") as error:
        ask(page, lawn, hairs()[0], "all", tmp_path)
    assert "Traceback" not in str(error.value)


@pytest.fixture
def elsewhere(tmp_path, checkout):
    """A real photo outside the page's folder, and the address of one on a server that counts who asks for it."""
    place = tmp_path / "private"
    place.mkdir()
    photo = place / "secret.jpg"
    photo.write_bytes(faces()[0].read_bytes())
    asked = []

    class Counting(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):  # noqa: N802 (the base class's name)
            asked.append(self.path)
            super().do_GET()

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Counting, directory=str(place)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/secret.jpg"
    yield photo, address, asked
    server.shutdown()
    server.server_close()


def as_file(name, **more):
    return {"path": name, "meta": {"_type": "gradio.FileData"}, **more}


def raw(page, *words):
    """What the endpoint answers to these very words; gradio_client would upload the files that they name."""
    address = f"{page.url}/gradio_api/call/transfer"
    sent = httpx.post(address, json={"data": words}, timeout=100).json()
    return httpx.get(f"{address}/{sent['event_id']}", timeout=100).text


def test_only_uploads_and_examples_are_photos_and_no_address_is_fetched(page, elsewhere):
    photo, address, asked = elsewhere
    known = as_file(str(faces()[0]))
    none, rest = (None,) * 5, WISHES
    inside = str(next(page.temporary.glob(f"{PREFIX}*")) / ".." / ".." / "elsewhere.png")
    public = "https://example.com/photo.png"
    for name in (str(photo), "/etc/passwd", inside, address, public, "HTTP://example.com/a.png", "a\0b", "x" * 5000):
        for sent in (as_file(name), as_file(name, url=address), as_file(name, is_stream=True)):
            for photos in ((sent, None, known), (known, None, sent)):
                assert ELSEWHERE in raw(page, *photos, *none, 0.5, None, 1.0, *rest), name
    gallery = [{"image": as_file(address), "caption": None}]
    assert ELSEWHERE in raw(page, known, None, known, *none, 0.5, gallery, 1.0, *rest)
    assert ELSEWHERE in raw(page, known, None, known, *none, 0.5, None, as_file(address), *rest)
    assert not asked
    assert "event: complete" in raw(page, known, None, known, *none, 0.5, None, 1.0, *rest), "examples are taken"
    assert "Traceback" not in page.log.read_text(), page.log.read_text()


@pytest.mark.parametrize(
    "place, sent, sentence",
    [
        (10, "x", "strength is .*x.*: it must be a number from 0 to 1.5"),
        (10, None, "strength is None"),
        (10, True, "strength is True"),
        (10, 9, "strength is 9"),
        (8, "half", "share is .*half"),
        (11, ["all"], "take is .*: it must be one of all, colour, shape"),
        (12, 3, "blend is 3"),
        (1, 1, "its number from the left"),
        (0, "face.png", "not what the page sends"),
        (0, {"url": "face.png"}, "did not arrive as a file"),
        (9, [{"name": "x"}], "not what the page sends"),
        (9, 5, "not what the page sends"),
    ],
)
def test_values_that_no_browser_sends_are_refused_in_a_sentence(page, place, sent, sentence):
    words = [as_file(str(faces()[0])), None, as_file(str(hairs()[0])), *[None] * 5, 0.5, None, 1.0, *WISHES]
    words[place] = sent
    answer = raw(page, *words)
    assert "event: error" in answer and re.search(sentence, answer), answer
    assert "Traceback" not in page.log.read_text(), page.log.read_text()
