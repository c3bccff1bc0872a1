"""Generators in NVIDIA's PyTorch pickles (stylegan2-ada-pytorch, and StyleGAN2 of the stylegan3 repository)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synth.formats.inert import Record
from synth.layers import RESAMPLE_FILTER

VERSION = 6  # of NVIDIA's persistence format


def find(content: Any, path: Path) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]] | None:
    """(tensors, settings, recipe) of a pickle's `G_ema`; None if there is none, ValueError for another network."""
    generator = content.get("G_ema") if isinstance(content, dict) else None
    if not isinstance(generator, Record):
        return None
    if generator.class_name != "Generator" or generator.version != VERSION:
        raise ValueError(
            f"{path} holds a {generator.class_name} of format {generator.version}: "
            f"only StyleGAN2's Generator of format {VERSION} is read"
        )
    records = _modules(generator, path)
    if "synthesis.input" in records:
        raise ValueError(f"{path} is a StyleGAN3 generator (it has synthesis.input): only StyleGAN2 is read")
    tensors = {key: value for name, record in records.items() for key, value in _tensors(name, record)}
    recipe = {"format": "NVIDIA pickle", "source_sha256": generator.source_sha256}
    return _without_filters(tensors, path), _settings(records, path), recipe


def _modules(network: Record, path: Path) -> dict[str, Record]:
    """The network ("") and all modules below it by their dotted names; a module met twice is refused."""
    found: dict[str, Record] = {}
    seen: set[int] = set()
    ahead = [("", network)]
    while ahead:
        name, record = ahead.pop()
        children = record.state.get("_modules")
        if not isinstance(children, dict) or id(record) in seen:
            raise ValueError(f"{path} has a module {name!r} that is not a network's: get the file from its makers")
        found[name] = record
        seen.add(id(record))
        prefix = f"{name}." if name else ""
        ahead += [(f"{prefix}{key}", child) for key, child in children.items() if isinstance(child, Record)]
    return found


def _tensors(name: str, record: Record) -> list[tuple[str, Tensor]]:
    """Parameters and buffers of one module, with their dotted names."""
    groups = [record.state.get(group) for group in ("_parameters", "_buffers")]
    items = [item for group in groups if isinstance(group, dict) for item in group.items()]
    return [(f"{name}.{key}", value) for key, value in items if isinstance(value, Tensor)]


def _without_filters(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """All but the resampling filters, which must be the one that is built in."""
    row = torch.tensor(RESAMPLE_FILTER)
    built_in = torch.outer(row, row) / row.sum() ** 2
    kept = {}
    for key, value in tensors.items():
        if not key.endswith(".resample_filter"):
            kept[key] = value
        elif value.shape != built_in.shape or not torch.allclose(value.float(), built_in):
            raise ValueError(f"{path} has another resampling filter in {key}: only [1, 3, 3, 1] is read")
    return kept


def _settings(records: dict[str, Record], path: Path) -> dict[str, Any]:
    """The arguments that shapes do not tell; settings that are no arguments must be StyleGAN2's own."""
    rules = {
        "architecture": (r"synthesis\.b\d+", "skip"),
        "activation": (r"synthesis\.b\d+\.conv\d|mapping\.fc\d+", "lrelu"),
        "use_noise": (r"synthesis\.b\d+\.conv\d", True),
    }
    for setting, (names, needed) in rules.items():
        for name, record in records.items():
            value = record.state.get(setting, needed)
            if re.fullmatch(names, name) and (type(value) is not type(needed) or value != needed):
                raise ValueError(f"{path} has {setting} {value!r} in {name}: only {needed!r} is read")
    styled = [r for name, r in records.items() if re.fullmatch(r"synthesis\.b\d+\.(conv\d|torgb)", name)]
    mapping = [r for name, r in records.items() if re.fullmatch(r"mapping\.fc\d+", name)]
    return {
        "conv_clamp": _common(styled, "conv_clamp", path),
        "lr_multiplier": _common(mapping, "bias_gain", path),
        "num_fp16_res": _half_resolutions(records, path),
    }


def _half_resolutions(records: dict[str, Record], path: Path) -> int:
    """How many of the highest resolutions the file flags for float16."""
    sizes = sorted((int(m[1]) for name in records if (m := re.fullmatch(r"synthesis\.b(\d{1,4})", name))), reverse=True)
    flags = [records[f"synthesis.b{size}"].state.get("use_fp16") is True for size in sizes]
    if flags != sorted(flags, reverse=True):
        raise ValueError(f"{path} flags float16 for other than its highest resolutions: get the file from its makers")
    return sum(flags)


def _common(records: list[Record], setting: str, path: Path) -> float | None:
    """The value that `setting` has in all records: a number or None."""
    values = [record.state.get(setting) for record in records]
    for value in values:
        if value is not None and not isinstance(value, int | float):
            raise ValueError(f"{path} has a {setting} that is not a number: get the file from its makers")
    if len(set(values)) != 1:
        raise ValueError(f"{path} has different {setting} in different layers: only one value for all is read")
    return values[0]
