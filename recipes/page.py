"""The picture of the page in the README: `python -m recipes.page` drives it in a headless Chromium, with its examples.

Needs Gradio, playwright (pip install '.[dev]') and an installed Chromium (Debian and Ubuntu: apt install chromium).
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from data.command import run
from data.images import read_image, write_image
from hairnet.page.examples import faces, hairs

WIDTH, HEIGHT = 1280, 850  # px
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--no-first-run"]
PATIENCE = 300_000  # ms


def main(*, out: Path = Path("docs/page.png"), hair: int = 2, face: int = 3) -> None:
    """Starts the page, transfers between two of its examples and takes a picture.

    Args:
        out: picture to write
        hair: which of the hair examples, from 1
        face: which of the face examples, from 1
    """
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise ValueError("no Chromium is installed: on Debian and Ubuntu, apt install chromium")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "hairnet.page", "--port", str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        while "the page is at" not in server.stdout.readline():
            if server.poll() is not None:
                raise ValueError("the page did not start: see above")
        with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
            browser = driver.chromium.launch(executable_path=chromium, args=QUIET)
            tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            tab.set_default_timeout(PATIENCE)
            tab.goto(f"http://127.0.0.1:{port}", wait_until="domcontentloaded")
            tab.set_input_files("#hair input[type=file]", str(hairs()[hair - 1]))
            tab.set_input_files("#face input[type=file]", str(faces()[face - 1]))
            tab.wait_for_function("document.querySelectorAll('.photo img').length >= 2")
            tab.click("#go")
            tab.wait_for_selector("#download:not([disabled])")
            tab.wait_for_selector("#result img")
            tab.evaluate("window.scrollTo(0, 0)")
            tab.mouse.move(5, 5)
            tab.wait_for_timeout(3000)  # pictures fade in
            tab.screenshot(path=f"{folder}/page.png")
            write_image(read_image(f"{folder}/page.png"), out)
            browser.close()
    finally:
        server.terminate()
        server.wait()
    print(f"{out} written")


if __name__ == "__main__":
    run(main)
