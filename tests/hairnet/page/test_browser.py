"""The page in a real, headless Chromium: what a person does, and what they then see."""

import shutil

import numpy as np
import pytest
from PIL import Image

from data.images import read_image
from hairnet.page.examples import faces, hairs

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[dev]'")

pytestmark = pytest.mark.xdist_group("page")  # one page for all, as it takes its time to start
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--no-first-run"]
LONG = 240_000  # ms, on a busy machine


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (Debian and Ubuntu: apt install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium, page):
    """A tab with the page; `asked` is every address that it asked for."""
    tab = chromium.new_page(viewport={"width": 1280, "height": 900})
    tab.set_default_timeout(LONG)
    tab.asked = []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.goto(page.url, wait_until="domcontentloaded")
    tab.wait_for_selector("#go")
    yield tab
    tab.close()


def give(tab, place, path):
    tab.set_input_files(f"#{place} input[type=file]", str(path))


def test_upload_click_and_the_result_can_be_seen_and_downloaded(tab, page, tmp_path):
    give(tab, "hair", hairs()[0])
    give(tab, "face", faces()[0])
    tab.wait_for_function("document.querySelectorAll('.photo img').length >= 2")
    tab.click("#go")
    tab.wait_for_selector("#download:not([disabled])")
    tab.wait_for_selector("#result img")
    shown = tab.evaluate("[...document.querySelectorAll('#result img')].map(i => [i.naturalWidth, i.naturalHeight])")
    before = np.asarray(read_image(faces()[0]))
    assert len(shown) == 2 and all(size == [before.shape[1], before.shape[0]] for size in shown)
    with tab.expect_download() as download:
        tab.click("#download")
    download.value.save_as(tmp_path / "got.jpg")
    assert download.value.suggested_filename == "long-on-face-1.jpg"
    after = np.asarray(read_image(tmp_path / "got.jpg"))
    assert after.shape == before.shape and np.abs(after.astype(int) - before)[:, :, 0].max() > 60

    hosts = {url.split("/")[2] for url in tab.asked if url.startswith("http")}
    assert hosts == {page.url.split("/")[2]}, "the page works offline and tells nobody"
    stored = {path.name for path in page.files}
    assert {"after.jpg", "long-on-face-1.jpg"} <= stored, "what a browser shows lies in the page's folder"
    tab.goto("about:blank")
    shown_files = {"before.jpg", "after.jpg", "long-on-face-1.jpg"}
    for _ in range(300):  # one after another, so until the last of them is gone
        stored = {path.name for path in page.files}
        if not shown_files & stored:
            break
        tab.wait_for_timeout(200)
    assert not shown_files & stored, "closing the page deletes them"


def test_a_bad_file_is_refused_in_a_sentence_that_can_be_seen(tab, page, tmp_path):
    bad, big = tmp_path / "notes.png", tmp_path / "big.png"
    bad.write_text("not an image")
    Image.new("1", (6000, 4000)).save(big)
    give(tab, "hair", bad)
    tab.wait_for_selector("#hair-note:has-text('notes.png is not an image that can be read')")
    give(tab, "face", big)
    tab.wait_for_selector("#face-note:has-text('big.png has too many pixels (6000 x 4000), more than 20,000,000')")
    tab.click("#go")
    tab.wait_for_selector(".toast-wrap:has-text('Your photo is missing: choose one first')")
    assert tab.locator("#download[disabled]").count() == 1
    seen = tab.inner_text("body")
    assert "consent" in seen and "licences" in seen and "Traceback" not in seen
