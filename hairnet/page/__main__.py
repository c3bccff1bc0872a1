"""A page for the browser: the hair of one photo on the face of another.

python -m hairnet.page                                    then open http://127.0.0.1:7860
python -m hairnet.page --host 0.0.0.0 --port 8000         for others in the network too
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import sys

from data.command import run
from hairnet.page.folder import MINUTES, Folder

NEEDED = "the page needs Gradio, which is not installed: run pip install '.[demo]' (make demo does)"


def main(
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    network: str = "builtin",
    generator: str | None = None,
    parser: str = "builtin",
    device: str | None = None,
    megabytes: float = 25.0,
    megapixels: float = 50.0,
    minutes: float = MINUTES,
) -> None:
    """Serves the page until Ctrl-C.

    Nothing is sent anywhere and nothing is kept: photos and results lie in a temporary folder, which is emptied as
    --minutes says and deleted at the end.

    Args:
        host: address to listen at; 127.0.0.1 is this computer alone, 0.0.0.0 everybody who can reach it
        port: TCP port, 1024 to 65535
        network: "builtin" or a hairnet.safetensors that hairnet.train wrote
        generator: where the network's generator lies; left out: where it lay at the training
        parser: "builtin" or a file that faces.load_parser takes
        device: cpu, cuda or cuda:1; left out: CUDA where there is one
        megabytes: largest upload
        megapixels: largest photo
        minutes: how long photos and results stay after their last use
    """
    if not 1024 <= port <= 65535:
        raise ValueError(f"--port is {port}: it must lie in 1024 to 65535")
    for flag, value in (("--megabytes", megabytes), ("--megapixels", megapixels), ("--minutes", minutes)):
        if not value > 0:
            raise ValueError(f"{flag} is {value:g}: it must be above 0")
    check_free(host, port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that what has to be deleted is
    folder = Folder(minutes=minutes)
    atexit.register(folder.close)
    # Read when Gradio is imported: its files lie in our folder, and it tells nobody that it runs.
    os.environ |= {
        "GRADIO_TEMP_DIR": str(folder.path),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
    }
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise ValueError(NEEDED) from error
    serve(folder, host, port, network, generator, parser, device, megabytes, megapixels)


def serve(
    folder: Folder,
    host: str,
    port: int,
    network: str,
    generator: str | None,
    parser: str,
    device: str | None,
    megabytes: float,
    megapixels: float,
) -> None:
    """Loads the networks, opens the page and stays until it is interrupted."""
    from faces.parsing import load_parser
    from hairnet.model import load_network
    from hairnet.page.layout import build
    from hairnet.page.look import CSS, theme
    from hairnet.page.studio import Studio

    studio = Studio(load_network(network, device, generator), load_parser(parser, device), folder, megapixels)
    folder.keep_sweeping()
    page = build(studio, megabytes)
    page.launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        theme=theme(),
        css=CSS,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        max_file_size=round(megabytes * 2**20),
        prevent_thread_lock=True,
    )
    print(f"the page is at http://{host}:{port} (Ctrl-C ends it)", flush=True)
    try:
        page.block_thread()
    finally:
        page.close()


def check_free(host: str, port: int) -> None:
    """ValueError when the page cannot listen there."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as test:
            test.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            test.bind((host, port))
    except OSError as error:
        raise ValueError(f"--host {host} --port {port} cannot be listened at: {error.strerror or error}") from error


if __name__ == "__main__":
    run(main)
