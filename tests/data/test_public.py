"""Published weights are fetched from a server of our own here: whole, in parts, wrong, and too large."""

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import data.public
from data.command import flags_of, parse
from data.public import Public, fetch, main, registry

CONTENT = bytes(range(256)) * 8000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Answers with `content`; `stop_after` bytes it hangs up; `ranges`: whether it can go on from a given byte."""

    content, stop_after, ranges = CONTENT, None, True
    asked: list[str | None]

    def handle_error(self, request, client_address) -> None:
        pass


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        first = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.server.ranges else 0
        content = self.server.content
        if first >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        self.wfile.write(content[first:][: self.server.stop_after])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def public(server: Server) -> Public:
    url = f"http://127.0.0.1:{server.server_address[1]}/net.pkl"
    return Public("net.pkl", "--generator", url, "free", len(CONTENT), SHA256)


def test_a_file_arrives_whole_and_once(public: Public, server: Server, tmp_path: Path):
    assert fetch(public, tmp_path / "weights").read_bytes() == CONTENT
    assert fetch(public, tmp_path / "weights") == tmp_path / "weights" / "net.pkl"
    assert server.asked == [None] and len(list((tmp_path / "weights").iterdir())) == 1


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_goes_on(public: Public, server: Server, tmp_path: Path, ranges: bool):
    server.stop_after, server.ranges = 700_000, ranges
    with pytest.raises(OSError, match="broke off at 700,000 of 2,048,000 bytes.*run the command again to go on"):
        fetch(public, tmp_path)
    server.stop_after = None
    assert fetch(public, tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=700000-"


def test_a_part_that_is_whole_is_only_checked(public: Public, server: Server, tmp_path: Path):
    (tmp_path / "net.pkl.part").write_bytes(CONTENT)
    assert fetch(public, tmp_path).read_bytes() == CONTENT and server.asked == []


def test_another_file_than_the_known_one_is_thrown_away(public: Public, server: Server, tmp_path: Path):
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(ValueError, match="not the one of the list: it was thrown away"):
        fetch(public, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_more_than_the_known_size_is_not_stored(public: Public, server: Server, tmp_path: Path):
    server.content = CONTENT * 3
    with pytest.raises(ValueError, match="more than the size of the list"):
        fetch(public, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_part_of_something_longer_is_not_gone_on_with(public: Public, server: Server, tmp_path: Path):
    (tmp_path / "net.pkl.part").write_bytes(CONTENT + b"more")
    with pytest.raises(OSError, match="answers 416"):
        fetch(public, tmp_path)
    assert fetch(public, tmp_path).read_bytes() == CONTENT


def test_a_file_of_that_name_with_another_content_is_refused(public: Public, tmp_path: Path):
    (tmp_path / "net.pkl").write_bytes(b"something else")
    with pytest.raises(ValueError, match="net.pkl is not the file of the list.*remove it"):
        fetch(public, tmp_path)
    assert (tmp_path / "net.pkl").read_bytes() == b"something else"


def test_a_server_that_is_not_there_is_one_sentence(tmp_path: Path):
    gone = Public("net.pkl", "", "http://127.0.0.1:9/net.pkl", "free", 1, SHA256)
    with pytest.raises(OSError, match="cannot be reached .*run the command again"):
        fetch(gone, tmp_path)


def test_the_list_says_licence_and_size_and_has_whole_hashes(capsys: pytest.CaptureFixture):
    main()
    said = capsys.readouterr().out
    for name, public in registry().items():
        assert name in said and public.licence in said and public.url.startswith("https://")
        assert re.fullmatch(r"[0-9a-f]{64}", public.sha256)


def test_only_what_is_in_the_list_is_fetched(tmp_path: Path):
    with pytest.raises(ValueError, match="--name http://x/y is not in the list: give one of ffhq.pkl"):
        main(name="http://x/y", out=tmp_path)


def test_the_commands_of_its_own_page_are_right():
    assert data.public.__doc__ is not None
    lines = re.findall(r"python -m data\.public(.*?)  ", data.public.__doc__)
    assert [parse(line.split(), flags_of(main)) for line in lines] == [{}, {"name": "ffhq.pkl", "out": "weights"}]
