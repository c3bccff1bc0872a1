"""Bars at terminals, lines in logs."""

import pytest

import data.progress
from data.progress import Progress


def test_short_work_leaves_no_line_in_a_log(capsys: pytest.CaptureFixture[str]):
    assert list(Progress(range(1000))) == list(range(1000))
    assert capsys.readouterr().err == ""


def test_a_log_gets_whole_lines_from_time_to_time(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(data.progress, "SECONDS", 0.001)
    times = iter(range(10**6))
    with Progress(total=100, initial=90, unit="faces") as bar:
        bar._time = lambda: bar.start_t + 5 * next(times)  # a clock that leaps
        for _ in range(10):
            bar.update()
    written = capsys.readouterr().err
    assert "\r" not in written and "100/100" in written
    assert "faces" in written.splitlines()[0]
    rates = [line.split(", ")[-1] for line in written.splitlines() if line]
    assert rates[0].endswith("s/faces]") or rates[0].startswith("0.")  # what was done before does not count


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    for _ in Progress(range(3)):
        pass
    assert capsys.readouterr().err.startswith("\r")
