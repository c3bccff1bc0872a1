"""Many guests at once: each gets their own answer, and the process stays within its memory."""

import itertools
import threading

import numpy as np
import pytest
from PIL import Image

from data.images import read_image, write_image
from faces.parsing import load_parser
from hairnet.model import load_network
from hairnet.page.examples import faces, hairs
from hairnet.page.folder import Folder
from hairnet.page.studio import Studio, Wishes

gradio_client = pytest.importorskip("gradio_client", reason="Gradio is not installed: pip install '.[demo]'")

GUESTS = 20
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


def test_twenty_guests_at_once_get_twenty_right_answers_in_bounded_memory(page, tmp_path):
    pairs = list(itertools.product(faces(), hairs()))[:GUESTS]
    wanted = [(face, hair, "all" if k % 2 else "colour") for k, (face, hair) in enumerate(pairs)]
    got: dict[int, str] = {}

    def guest(k):
        got[k] = ask(page, *wanted[k], tmp_path / str(k))

    threads = [threading.Thread(target=guest, args=(k,)) for k in range(GUESTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert len(got) == GUESTS

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


def test_files_of_the_server_are_nobodys_photos(page, tmp_path):
    guest = client(page, tmp_path)
    server = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    photos = (server, None, server, None, None, None, None, None)
    with pytest.raises(Exception) as error:
        guest.predict(*photos, 0.5, None, 1.0, "all", "alpha", "photo", api_name="/transfer")
    assert "root:" not in str(error.value)
