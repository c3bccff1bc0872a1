"""The page as its users meet it: a process of its own that answers at a port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from hairnet.page.folder import PREFIX

pytest.importorskip("gradio", reason="Gradio is not installed: pip install '.[demo]'")


@dataclass(frozen=True)
class Page:
    url: str
    process: subprocess.Popen
    temporary: Path  # where its process puts temporary files
    log: Path

    @property
    def files(self) -> list[Path]:
        """What it has stored, its own folders left out.

        The page deletes folders while they are listed: os.walk passes over what is gone, where rglob raises.
        """
        return sorted(Path(folder, name) for folder, _, names in os.walk(self.temporary) for name in names)

    @property
    def memory(self) -> int:
        """Bytes that its process has had at most."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def page(checkout: Path, tmp_path_factory: pytest.TempPathFactory):
    """`python -m hairnet.page` with the shipped networks; small limits, so that they can be met."""
    temporary, port = tmp_path_factory.mktemp("page"), free_port()
    log = tmp_path_factory.mktemp("log") / "page.log"
    words = ["--port", str(port), "--megabytes", "2", "--megapixels", "20", "--device", "cpu"]
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "hairnet.page", *words],
            cwd=checkout,
            env=os.environ | {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    started = time.monotonic()
    while "the page is at" not in log.read_text():
        assert process.poll() is None and time.monotonic() - started < 240, log.read_text()
        time.sleep(0.2)
    yield Page(f"http://127.0.0.1:{port}", process, temporary, log)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    left = [path for path in temporary.rglob("*") if path.is_file() or path.name.startswith(PREFIX)]
    assert not left, "everything is deleted when the page ends"
    assert "hairnet/page" not in log.read_text(), log.read_text()  # no traceback through our code
