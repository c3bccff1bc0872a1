"""Are the shards of a folder all there, whole, and as they were written?

python -m data.verify runs/x/faces --seeds 0-99999
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from data.command import MAX_SEEDS, format_seeds, parse_seeds, printable, run
from data.files import sha256
from data.progress import Progress
from data.shards import (
    MAX_SHARD_SIZE,
    altered,
    attributes_path,
    read_arrays,
    read_attrs,
    shard_index,
    shard_path,
    shard_paths,
)

MOST_SHARDS = 1_000_000  # from the first to the last, where nobody says which should be there
COMMAND = re.compile(r"python -m synth\.sample( --[a-z-]+( -?[\w.][\w.,+-]*)?)+")  # as synth.shard records it


@dataclass
class Findings:
    """What is wrong in a folder.

    `again`: the seeds to make again, rising; none where they are unknown or more than one command takes.
    `command`: that of the first whole shard.
    """

    shards: dict[Path, str] = field(default_factory=dict)
    measurements: dict[Path, str] = field(default_factory=dict)
    again: list[int] = field(default_factory=list)
    command: str = ""


def main(folder: Path, *, seeds: str | None = None) -> None:
    """Reads every shard of a folder against the sha256 of its arrays; says which are missing, truncated or altered.

    Ends with exit code 2, and the seeds to make again, when there are any. Measurements beside the shards are checked
    as well, also for belonging to them.

    Args:
        folder: the shards, as `python -m synth.sample --out` writes them
        seeds: the seeds that should be there, such as 0-99999; left out: no gap between the first shard and the last
    """
    found = verify(folder, None if seeds is None else parse_seeds(seeds, "--seeds"))
    for path, reason in (found.shards | found.measurements).items():
        print(printable(f"{path}: {reason}"))
    if found.shards:
        guessed = seeds is None and found.again and shard_paths(folder)[-1] in found.shards
        raise ValueError(
            f"{folder} has {len(found.shards)} missing or damaged shards: delete what is left of them and run "
            f"{remedy(found, folder)}" + " (the last one may have had fewer seeds: --seeds says which)" * bool(guessed)
        )
    if found.measurements:
        raise ValueError(f"{folder} has {len(found.measurements)} damaged measurements: delete them and measure again")
    print(f"{folder}: {len(shard_paths(folder))} shards, all as they were written")


def remedy(found: Findings, folder: Path) -> str:
    """The command that makes the damaged shards again as their neighbours were made, as far as that is known."""
    if not found.again:
        return "synth.sample with the flags and seeds of before"
    seeds = f"--seeds {format_seeds(found.again)}"
    if COMMAND.fullmatch(found.command) is None:  # other programs may have written anything there
        return f"synth.sample with the flags of before and {seeds}"
    command = re.sub(r"--seeds [\d,-]+", seeds, found.command)
    own = re.search(r"--generator (\S+)", command)
    where = f" (with the path of {own[1]})" if own and own[1] != "builtin" else ""
    return f"`{command} --out {shlex.quote(str(folder))}`{where}"


def verify(folder: Path, seeds: list[int] | None = None) -> Findings:
    """Reads a folder's shards and measurements; `seeds` that should be there (None: no gaps among the shards)."""
    if not folder.is_dir():
        fault = "is a file" if folder.exists() else "does not exist"
        raise FileNotFoundError(f"FOLDER {folder} {fault}: give a folder that synth.sample has written")
    paths = shard_paths(folder)
    if not paths:
        raise ValueError(f"FOLDER {folder} has no shards (shard-00000.h5): give a folder that synth.sample has written")
    found = Findings()
    for path in Progress(paths, unit="shards"):
        if reason := damage(path):
            found.shards[path] = reason
        elif (measured := attributes_path(path)).exists() and (reason := damage_of_measurements(measured, path)):
            found.measurements[measured] = reason
    whole = [path for path in paths if path not in found.shards]
    size = int(read_attrs(whole[0])["shard_size"]) if whole else None
    found.command = str(read_attrs(whole[0]).get("command", "")) if whole else ""
    owned = _owned(folder, paths, whole, size, seeds)
    for index, wanted in owned.items():
        path = shard_path(folder, index)
        if not path.exists():
            found.shards[path] = "missing"
        elif path in whole and seeds is not None:
            if absent := len(set(wanted) - set(read_arrays(path, ["seed"])["seed"].tolist())):
                found.shards[path] = f"lacks {absent} of the seeds"
    again = [owned.get(shard_index(path), ()) for path in found.shards]
    if sum(map(len, again)) <= MAX_SEEDS:
        found.again = sorted(chain.from_iterable(again))
    return found


def damage(shard: Path) -> str | None:
    """What is wrong with a shard; None when it is as it was written."""
    try:
        if changed := altered(shard):
            return f"altered: {', '.join(changed)}"
        size, seeds = read_attrs(shard).get("shard_size"), read_arrays(shard, ["seed"])["seed"]
        if type(size) is not int or not 1 <= size <= MAX_SHARD_SIZE:
            return f"altered: its shard_size is {size!r}, not 1 to {MAX_SHARD_SIZE}"
        if not len(seeds) or (seeds // size != shard_index(shard)).any():
            return "altered: its seeds are not those of its number"
    except (ValueError, OSError) as error:
        return f"damaged: {error}"
    return None


def damage_of_measurements(measured: Path, shard: Path) -> str | None:
    """What is wrong with the measurements beside a shard; None when they are whole and those of that very file."""
    try:
        if changed := altered(measured):
            return f"altered: {', '.join(changed)}"
        if read_attrs(measured).get("shard_sha256") != sha256(shard):
            return "measured on another shard"
    except (ValueError, OSError) as error:
        return f"damaged: {error}"
    return None


def _owned(
    folder: Path, paths: list[Path], whole: list[Path], size: int | None, seeds: list[int] | None
) -> dict[int, Sequence[int]]:
    """The seeds that each shard of the folder should hold, as far as can be known."""
    if size is None:  # no shard is whole, so nobody knows how many seeds one has
        return {}
    if seeds is None:
        first, last = shard_index(whole[0]), shard_index(whole[-1])
        # The name of a damaged one proves nothing, but one as near as there are files is likely to be of this folder.
        near = [k for k in map(shard_index, paths) if first - len(paths) <= k <= last + len(paths)]
        span = range(near[0], near[-1] + 1)
        if len(span) > MOST_SHARDS:
            raise ValueError(
                f"{folder} spans {len(span):,} shards, most of them missing: say with --seeds what it holds"
            )
        known = {index for path in paths if (index := shard_index(path)) * size < 2**32}
        return {index: range(index * size, min((index + 1) * size, 2**32)) for index in sorted({*span} | known)}
    owned: dict[int, list[int]] = {}
    for seed in seeds:
        owned.setdefault(seed // size, []).append(seed)
    return {**owned}


if __name__ == "__main__":
    run(main)
