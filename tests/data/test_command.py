"""Commands as a user meets them: real processes of a small script."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.command import UsageError, flags_of, format_seeds, parse, parse_seeds, printable, run, sentence

SCRIPT = '''
import time
from pathlib import Path
from typing import Literal
from data.command import run

def main(photo: Path, number: int, *, to: str = "0", image_size: int = 256, amp: bool = True, psi: float | None = 1.0,
         noise: Literal["const", "none"] = "const", seed: int | None = None, out: Path | None = None) -> None:
    """Does a thing to a photo.

    With a second paragraph.

    Args:
        photo: an image file
        number: how many, 1 to 9
        to: degrees, with
            commas
        image_size: side in pixels
        amp: half precision
    """
    print("ran", repr(photo), repr(number), repr(to), image_size, amp, psi, noise, seed, out)
    if to == "value":
        raise ValueError("--to is no value:\\n give another")
    if to == "file":
        open(photo)
    if to == "bug":
        raise KeyError("a bug")
    if to == "lines":
        for k in range(100000):
            print(k)
    if to == "wait":
        print("waiting", flush=True)
        time.sleep(60)

if __name__ == "__main__":
    run(main)
'''


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("command") / "thing.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def call(script: Path, checkout: Path):
    """Starts the script as a process."""

    def call(*words: str, **environment: str) -> subprocess.CompletedProcess:
        env = {**os.environ, "PYTHONPATH": str(checkout), "PAGER": "false", **environment}
        return subprocess.run([sys.executable, str(script), *words], capture_output=True, text=True, env=env)

    return call


@pytest.fixture
def here(script: Path, capsys: pytest.CaptureFixture):
    """Runs the script's command in this process, which is quicker: (exit code, output, error output)."""
    spec = importlib.util.spec_from_file_location("thing", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def here(*words: str) -> tuple[int | str | None, str, str]:
        with pytest.raises(SystemExit) as end:
            run(module.main, words)
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return here


def test_values_arrive_as_their_annotation_says(call):
    words = ["1", "2", "--to", "-30,-15,0", "--image-size=64", "--amp", "false", "--psi", "-1.5", "--noise", "none"]
    result = call(*words, "--seed", "7", "--out", "none")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"ran {Path('1')!r} 2 '-30,-15,0' 64 False -1.5 none 7 None\n"


def test_positional_arguments_may_be_flags_and_underscores_dashes(here):
    code, output, _ = here("--number=-3", "--image_size", "7", "--photo", "a b.png", "--psi", "none")
    assert (code, output) == (0, f"ran {Path('a b.png')!r} -3 '0' 7 True None const None None\n")


def test_a_switch_without_a_value_is_true_and_leaves_the_next_word_alone(here):
    assert here("--amp", "a.png", "5")[1].startswith(f"ran {Path('a.png')!r} 5 '0' 256 True")


@pytest.mark.parametrize("text", ["", "[1,2]", "None", "'quoted'", "1e3", "a=b", "-", "True", "{}"])
def test_text_is_handed_over_as_it_was_typed(here, text: str):
    assert here("a.png", "2", "--to", text)[1].startswith(f"ran {Path('a.png')!r} 2 {text!r} 256")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "2", "--imagesize", "3"], "unknown flag --imagesize, did you mean --image-size?"),
        (["a", "2", "-to", "3"], "unknown flag -to, did you mean --to?"),
        (["a", "2", "--zzz"], "unknown flag --zzz"),
        (["a"], "NUMBER is missing: give a whole number"),
        ([], "PHOTO is missing: give a path"),
        (["a", "2", "b"], "unexpected argument 'b': everything but PHOTO, NUMBER is given as a flag"),
        (["a", "x"], "NUMBER is a whole number, not 'x'"),
        (["", "2"], "PHOTO is a path, not ''"),
        (["a", "9" * 400], "NUMBER is a whole number, not '999"),
        (["a", "2", "--image-size", str(-(2**63))], "--image-size is a whole number, not '-9223372036854775808'"),
        (["a", "2", "--image-size", "1.5"], "--image-size is a whole number, not '1.5'"),
        (["a", "2", "--psi", "nan"], "--psi is a number, not 'nan'"),
        (["a", "2", "--amp", "no"], "--amp is true or false, not 'no'"),
        (["a", "2", "--amp=1"], "--amp is true or false, not '1'"),
        (["a", "2", "--noise", "random"], "--noise is one of const, none, not 'random'"),
        (["a", "2", "--to", "--amp"], "--to needs a value: text"),
        (["a", "2", "--psi", "1", "--psi", "2"], "--psi is given twice"),
        (["a", "2", "--", "--trace"], "unknown flag --"),
    ],
)
def test_a_wrong_word_is_refused_in_one_sentence_before_anything_runs(here, words: list[str], message: str):
    code, output, error = here(*words)
    assert code == 2 and output == ""
    assert error.startswith(f"error: {message}") and "--help`" in error
    assert error.count("\n") == 1


def test_a_command_without_places_says_that_it_takes_flags():
    def main(*, size: int = 1) -> None:
        pass

    with pytest.raises(UsageError, match="^unexpected argument 'a': this command takes flags only$"):
        parse(["a"], flags_of(main))


def test_what_files_say_cannot_command_the_terminal():
    assert printable("Bär 漢\\ \x1b[2J\r\nerror: \u202e") == "Bär 漢\\ \\x1b[2J\\r\\nerror: \\u202e"
    assert sentence(ValueError("no \x1b]0;name\x07,\n give another")) == "no \\x1b]0;name\\x07, give another"
    assert sentence(FileNotFoundError(2, "not there", "a\x1bb")) == "a\\x1bb: not there"


def test_a_refusal_is_the_end_of_a_real_process_too(call):
    result = call("a", "2", "--imagesize", "3")
    assert (result.returncode, result.stdout) == (2, "") and "did you mean --image-size?" in result.stderr


def test_help_is_complete_and_needs_no_arguments_and_no_pager(call):
    result = call("--help")
    assert result.returncode == 0 and result.stderr == ""
    parts = ["usage:", "PHOTO NUMBER", "Does a thing", "second paragraph", "how many, 1 to 9", "degrees, with commas"]
    parts += ["--image-size INTEGER", "side in pixels (default: 256)", "--noise {const,none}", "--amp [true|false]"]
    parts += ["half precision (default: true)", "--out PATH", "--help"]
    for part in parts:
        assert part in result.stdout
    assert call("a", "-h").stdout == result.stdout


def test_errors_of_users_are_one_sentence_and_bugs_keep_their_trace(call):
    refused = call("a", "2", "--to", "value")
    assert (refused.returncode, refused.stderr) == (2, "error: --to is no value: give another\n")
    missing = call("no such file", "2", "--to", "file")
    assert (missing.returncode, missing.stderr) == (2, "error: no such file: No such file or directory\n")
    bug = call("a", "2", "--to", "bug")
    assert bug.returncode == 1 and "Traceback" in bug.stderr
    assert "Traceback" in call("a", "2", "--to", "value", HAIRNET_DEBUG="1").stderr


def test_ctrl_c_ends_with_130_and_one_line(script: Path, checkout: Path):
    env = {**os.environ, "PYTHONPATH": str(checkout)}
    words = [sys.executable, str(script), "a", "2", "--to", "wait"]
    process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "waiting" not in process.stdout.readline():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130 and message.strip() == "interrupted"


def test_a_reader_that_goes_away_is_no_error(script: Path, checkout: Path):
    env = {**os.environ, "PYTHONPATH": str(checkout)}
    line = f"{sys.executable} {script} a 2 --to lines | head -1"
    result = subprocess.run(["bash", "-c", line], env=env, capture_output=True, text=True)
    assert result.stdout.startswith("ran") and result.stderr == ""
    for words in ("--help | true", "a 2 | true"):
        result = subprocess.run(["bash", "-c", f"{sys.executable} {script} {words}"], env=env, capture_output=True)
        assert result.stderr == b""


def test_seeds_are_numbers_and_ranges_each_once():
    assert parse_seeds("0-3,7") == [0, 1, 2, 3, 7]
    assert parse_seeds("7, 5-6,6-8") == [7, 5, 6, 8]
    assert parse_seeds("4294967295") == [4294967295]


@pytest.mark.parametrize("text", ["", "7", "0-3", "0-3,7", "1,3,5-6"])
def test_seeds_are_written_as_they_are_read(text: str):
    assert format_seeds(parse_seeds(text) if text else []) == text


@pytest.mark.parametrize("text", ["", "a", "3-1", "-3", "1,,2", "1.5", "4294967296", "0-99999999", "0--3"])
def test_seeds_that_break_the_rule_are_refused(text: str):
    with pytest.raises(ValueError, match="seeds"):
        parse_seeds(text)
    with pytest.raises(ValueError, match="^--seeds "):
        parse_seeds(text, "--seeds")
