import csv
import json
import sys

import pytest

from hairnet.training.logs import TABLE, Log, require_tensorboard
from hairnet.training.state import LOG


def rows(folder):
    with open(folder / TABLE, newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_says_what_the_lines_say(tmp_path):
    log = Log(tmp_path)
    log.write({"step": 1, "w": 0.5})
    log.write({"step": 2, "w": 0.25})
    log.write({"step": 2, "validation": {"w": 0.75}})
    assert rows(tmp_path) == [
        {"step": "1", "w": "0.5", "validation.w": ""},
        {"step": "2", "w": "0.25", "validation.w": ""},
        {"step": "2", "w": "", "validation.w": "0.75"},
    ]
    assert [json.loads(line)["step"] for line in (tmp_path / LOG).read_text().splitlines()] == [1, 2, 2]


def test_a_resumed_log_drops_what_was_lost(tmp_path):
    log = Log(tmp_path)
    for step in (1, 2, 3):
        log.write({"step": step, "w": 0.5})
    with open(tmp_path / LOG, "a") as file:
        file.write('{"step": 4, "w"')
    log = Log(tmp_path, step=2)
    assert [row["step"] for row in rows(tmp_path)] == ["1", "2"]
    log.write({"step": 3, "w": 0.125})
    assert [row["w"] for row in rows(tmp_path)] == ["0.5", "0.5", "0.125"]


def test_tensorboard_gets_the_same_figures(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = Log(tmp_path, tensorboard=True)
    log.write({"step": 25, "w": 0.5, "validation": {"identity": 0.75}})
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("validation/identity")] == [(25, 0.75)]
    assert [event.value for event in events.Scalars("w")] == [0.5]


def test_without_tensorboard_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ValueError, match="--tensorboard needs .*pip install"):
        require_tensorboard()
