"""Published weights: a list of known files with licence, size and sha256. Nothing else is ever downloaded.

python -m data.public                                 lists them
python -m data.public --name ffhq.pkl --out weights   fetches one, goes on where it was stopped, checks its sha256
"""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from data.command import run
from data.files import atomic_path, check_folder_place, read_json, sha256
from data.progress import Progress

REGISTRY = Path(__file__).parent / "public.json"
BLOCK = 1 << 20
LARGEST = 4 << 30  # bytes, where the list does not know the size
PATIENCE = 60.0  # seconds without an answer


@dataclass(frozen=True)
class Public:
    """One published file. `use`: what for; `bytes`: its size, None where that is not known for sure."""

    name: str
    use: str
    url: str
    licence: str
    bytes: int | None
    sha256: str


def main(*, name: str | None = None, out: Path = Path("weights")) -> None:
    """Lists the published weights that commands here can use, or fetches one of them.

    They have licences of their own, which whoever fetches them accepts. Stopped, the same command goes on.

    Args:
        name: which file to fetch; left out: only list them
        out: folder to put it in
    """
    files = registry()
    if name is None:
        for public in files.values():
            size = f"{public.bytes / 1e6:.0f} MB" if public.bytes else "size unknown"
            print(f"{public.name}   {size}   {public.use}\n    {public.licence}\n    {public.url}")
        return
    if name not in files:
        raise ValueError(f"--name {name} is not in the list: give one of {', '.join(files)}")
    check_folder_place(out)
    print(f"{name}: {files[name].licence}")
    print(f"{fetch(files[name], out)}: sha256 as in the list")


def registry(path: Path = REGISTRY) -> dict[str, Public]:
    """The known files by name."""
    return {name: Public(name, entry.pop("for"), **entry) for name, entry in read_json(path).items()}


def fetch(public: Public, out: Path) -> Path:
    """The file in the folder `out`, fetched unless it is there; ValueError when it is not the one of the list.

    What has arrived lies in NAME.part until its sha256 is checked; a later call goes on with it.
    """
    target, part = out / public.name, out / f"{public.name}.part"
    if target.is_file():
        if sha256(target) != public.sha256:
            raise ValueError(f"{target} is not the file of the list (its sha256 differs): remove it and fetch it again")
        return target
    out.mkdir(parents=True, exist_ok=True)
    if not part.is_file() or sha256(part) != public.sha256:
        _download(public, part)
    if (found := sha256(part)) != public.sha256:
        part.unlink()
        raise ValueError(f"{public.url} gave a file with sha256 {found}, not the one of the list: it was thrown away")
    with atomic_path(target) as temporary:
        part.rename(temporary)
    return target


def _download(public: Public, part: Path) -> None:
    """Fetches what is missing of the file at `part`."""
    there = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(public.url, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            continued = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {there}-")
            there = there if continued else 0
            total = there + int(answer.headers.get("Content-Length") or 0) or public.bytes
            with (
                open(part, "ab" if continued else "wb") as file,
                Progress(total=total, initial=there, unit="B", unit_scale=True) as bar,
            ):
                while block := answer.read(BLOCK):
                    there += len(block)
                    if there > (public.bytes or LARGEST):
                        part.unlink()
                        raise ValueError(f"{public.url} gives more than the size of the list: it was thrown away")
                    file.write(block)
                    bar.update(len(block))
            if there < (total or 0):
                raise ConnectionError(f"it broke off at {there:,} of {total:,} bytes")
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the part is longer than the file: not a part of it
            part.unlink()
        raise OSError(f"{public.url} answers {error.code} {error.reason}: try again later") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise OSError(f"{public.url} cannot be reached ({reason}): run the command again to go on") from error


if __name__ == "__main__":
    run(main)
