"""Conversion to our format."""

import pytest
import torch

from data.command import run
from data.files import sha256
from synth import latents, load_generator
from synth.convert import main
from synth.generator import save_generator
from synth.networks import Generator


def test_a_converted_pickle_gives_the_same_pictures(shared, tmp_path, capsys):
    source, target = shared / "conformance" / "nvidia-64.pkl", tmp_path / "network.safetensors"
    main(source, target)
    before, after = load_generator(source, device="cpu"), load_generator(target, device="cpu")
    ws = before.mapping(latents(range(3), 64), psi=0.7)
    assert torch.equal(ws, after.mapping(latents(range(3), 64), psi=0.7))
    assert torch.equal(before.synthesis(ws), after.synthesis(ws))
    assert after.config["recipe"]["converted_sha256"] == sha256(source)
    assert sha256(target) in capsys.readouterr().out


def test_converting_twice_gives_the_same_bytes(shared, tmp_path):
    source = shared / "conformance" / "nvidia-64.pkl"
    for name in ("a.safetensors", "b.safetensors"):
        main(source, tmp_path / name)
    assert sha256(tmp_path / "a.safetensors") == sha256(tmp_path / "b.safetensors")


def test_the_target_is_checked_before_anything_is_read(tmp_path):
    with pytest.raises(ValueError, match="end it in .safetensors"):
        main(tmp_path / "absent.pkl", tmp_path / "out.pt")


def test_the_source_is_not_overwritten(tmp_path):
    path = tmp_path / "network.safetensors"
    save_generator(Generator(8, 12, 8, 2, 64, 8), path, {})
    with pytest.raises(ValueError, match="is the source itself"):
        main(path, path)


def test_the_command_refuses_in_one_sentence(tmp_path, capsys):
    (tmp_path / "text.pkl").write_text("nothing of the kind")
    with pytest.raises(SystemExit) as ended:
        run(main, [str(tmp_path / "text.pkl"), str(tmp_path / "out.safetensors")])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1
    assert "text.pkl is no generator checkpoint" in said
    assert not (tmp_path / "out.safetensors").exists()
