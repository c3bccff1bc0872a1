"""Conversion between formats, and inspection."""

import itertools
import json

import pytest
import torch

from data.command import run
from data.files import sha256
from data.weights import save_network
from synth import latents, load_generator
from synth.convert import main
from synth.generator import save_generator
from synth.inspect import main as describe
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
    with pytest.raises(ValueError, match="end it in .safetensors or .pt"):
        main(tmp_path / "absent.pkl", tmp_path / "out.pth")


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


def test_there_and_back_every_number_is_the_same(shared, tmp_path, capsys):
    first, there, back = (tmp_path / name for name in ("a.safetensors", "b.pt", "c.safetensors"))
    main(shared / "conformance" / "nvidia-64.pkl", first)
    main(first, there)
    assert "b.pt keeps conv_clamp 256 for us" in capsys.readouterr().out
    main(there, back)
    before, between, after = (load_generator(path, device="cpu") for path in (first, there, back))
    for network in (between, after):
        assert network.state_dict().keys() == before.state_dict().keys()
        assert all(torch.equal(value, before.state_dict()[key]) for key, value in network.state_dict().items())
        assert {**network.config, "recipe": 0} == {**before.config, "recipe": 0}
    ws = before.mapping(latents([0, 1], 64))
    assert torch.equal(before.synthesis(ws), after.synthesis(ws))


def test_a_network_keeps_its_first_origin_through_all_formats(shared, tmp_path):
    source = shared / "conformance" / "nvidia-64.pkl"
    chain = [source, *(tmp_path / name for name in ("a.safetensors", "b.pt", "c.safetensors"))]
    for before, after in itertools.pairwise(chain):
        main(before, after)
        recipe = load_generator(after, device="cpu").config["recipe"]
        assert (recipe["converted_from"], recipe["converted_sha256"]) == (source.name, sha256(source))
        assert recipe["converted_format"] == "NVIDIA pickle" and len(recipe["source_sha256"]) == 64
        assert recipe.get("format") == ("rosinality checkpoint" if after.suffix == ".pt" else None)


@pytest.mark.parametrize("recipe", [[1], "text", None])
def test_a_network_whose_recipe_is_none_is_refused(tmp_path, recipe):
    network = Generator(8, 12, 8, 2, 64, 8)
    config = {**network.config, "kind": "generator", "recipe": recipe}
    save_network(tmp_path / "odd.safetensors", network.state_dict(), config)
    for command in (lambda path: main(path, tmp_path / "b.pt"), describe):
        with pytest.raises(ValueError, match="odd.safetensors does not say how it was made"):
            command(tmp_path / "odd.safetensors")


def test_what_is_written_for_others_is_their_layout(tmp_path, shared):
    """The entries and shapes that rosinality's Generator asks for, here those of its own checkpoint at 32 px."""
    network = Generator(512, 512, 32, mapping_layers=8, channel_base=32768, channel_max=512)
    save_generator(network, tmp_path / "network.safetensors", {})
    main(tmp_path / "network.safetensors", tmp_path / "network.pt")
    content = torch.load(tmp_path / "network.pt", weights_only=True)
    expected = json.loads((shared / "conformance" / "rosinality.json").read_text())["keys"]
    assert {key: list(value.shape) for key, value in content["g_ema"].items()} == {
        key: entry["shape"] for key, entry in expected.items()
    }
    kernel = expected["convs.0.conv.blur.kernel"]["value"]
    assert content["g_ema"]["to_rgbs.1.upsample.kernel"].flatten().tolist() == kernel
    assert torch.equal(content["latent_avg"], network.w_avg)


def test_a_conditional_generator_does_not_fit_into_that_layout(tmp_path):
    save_generator(Generator(8, 12, 8, 2, 64, 8, c_dim=3), tmp_path / "classes.safetensors", {})
    with pytest.raises(ValueError, match="class-conditional"):
        main(tmp_path / "classes.safetensors", tmp_path / "classes.pt")
    assert not (tmp_path / "classes.pt").exists()


def test_inspection_says_what_a_file_is(shared, capsys):
    describe(str(shared / "conformance" / "nvidia-64.pkl"))
    said = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    expected = {"format": "NVIDIA pickle", "kind": "generator", "resolution": "64", "num_fp16_res": "2"}
    assert expected.items() <= said.items() and said["conv_clamp"] == "256"


def test_inspection_knows_our_other_networks_and_refuses_what_is_none(tmp_path, capsys):
    save_network(tmp_path / "parser.safetensors", {"w": torch.ones(3)}, {"kind": "parser", "recipe": {"seed": 7}})
    describe(str(tmp_path / "parser.safetensors"))
    said = capsys.readouterr().out
    assert "parser" in said and "3 in 1 tensors" in said and "recipe.seed              7" in said
    (tmp_path / "text").write_text("text")
    with pytest.raises(ValueError, match="is no generator checkpoint"):
        describe(str(tmp_path / "text"))


def test_what_a_file_says_neither_commands_the_terminal_nor_forges_lines(tmp_path, capsys):
    recipe = {"by": "\x1b[2Jnobody\nsha256    00", "a\nformat": 1}
    save_network(tmp_path / "odd.safetensors", {"w": torch.ones(3)}, {"kind": "parser\r", "recipe": recipe})
    describe(tmp_path / "odd.safetensors")
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == 9 and all(line.isprintable() for line in lines)
    assert r"\x1b[2Jnobody\nsha256    00" in lines[7] and lines[8] == ""


def test_refusals_with_names_of_a_file_are_printable(tmp_path, capsys):
    (tmp_path / "forged.pkl").write_bytes(b"\x80\x02c\x1b[2J\nos.\x07\n.")
    with pytest.raises(SystemExit):
        run(describe, [str(tmp_path / "forged.pkl")])
    said = capsys.readouterr().err
    assert r"it asks for \x1b[2J.os.\x07" in said and said.removesuffix("\n").isprintable()
