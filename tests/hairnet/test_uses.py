"""The commands that use a network in more ways than one: grid, interpolate, manipulate, pairs."""

import pickle
import weakref
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from data.command import run
from data.files import read_json
from data.images import read_image
from faces.parsing import load_parser
from hairnet import grid, interpolate, manipulate, pairs
from hairnet.embeddings import Album, whole
from hairnet.model import load_network
from hairnet.photo.portraits import Portrait
from hairnet.steering import FILE
from tests.hairnet.toys import crops, toy_network


@pytest.fixture(scope="module")
def network(world, tmp_path_factory):
    return toy_network(tmp_path_factory.mktemp("toy"), world)


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def call(world, network, tmp_path, monkeypatch, capsys):
    """A command on aligned crops in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)

    def command(module, *words):
        flags = ["--network", network, "--parser", world.parser, "--device", "cpu", "--aligned", "true"]
        with pytest.raises(SystemExit) as end:
            run(module.main, [str(word) for word in (*words, *flags)])
        return Done(end.value.code, *capsys.readouterr())

    return command


def album(world, network, **settings):
    return Album(load_network(network, "cpu"), load_parser(world.parser, "cpu"), aligned=True, **settings)


def refused(done, words):
    assert done.returncode == 2 and words in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_grid_of_n_faces_and_m_hairs_takes_n_plus_m_encodings(world, network, tmp_path, monkeypatch):
    faces, hairs = crops(tmp_path / "f", "abc"), crops(tmp_path / "h", "xy")
    shelf = album(world, network)
    seen = {"face": 0, "hair": 0}
    for name in seen:
        module = getattr(shelf.net.network, name)
        module.register_forward_hook(lambda *_, name=name: seen.__setitem__(name, seen[name] + 1))
    cells = grid.table(shelf, faces, hairs)
    assert [len(row) for row in cells] == [2, 2, 2] and seen == {"face": 3, "hair": 2} and shelf.encodings == 5
    alone = shelf.net.look(shelf.portrait(faces[1]), [shelf.portrait(hairs[1])]).at(blend="none")
    assert np.abs(np.asarray(cells[1][1], int) - np.asarray(alone.generated, int)).max() <= 1


def test_the_grid_command_writes_the_table_and_every_picture_and_needs_no_encoding_again(call, tmp_path):
    crops(tmp_path / "f", "abc")
    crops(tmp_path / "h", "xy")
    (tmp_path / "h" / "z.png").write_text("not an image")
    words = ["--faces", "f", "--hairs", "h", "--out", "t.png", "--pictures", "p", "--cache", "kept"]
    done = call(grid, *words)
    assert done.returncode == 0 and "3 faces x 2 hairs with 5 encodings" in done.stdout, done.stderr
    assert "left out: " in done.stderr and "z.png is not an image" in done.stderr
    assert len(list((tmp_path / "p").iterdir())) == 6 and Image.open(tmp_path / "p/x-on-a.png").size == (32, 32)
    before = (tmp_path / "t.png").read_bytes()
    again = call(grid, *words)
    assert "with 0 encodings" in again.stdout and (tmp_path / "t.png").read_bytes() == before


def test_photos_of_one_name_but_two_formats_give_two_pictures(call, tmp_path):
    for folder, names in (("f", "ab"), ("h", "x")):
        for path in crops(tmp_path / folder, names):
            Image.open(path).save(path.with_suffix(".jpg"))
    done = call(grid, "--faces", "f", "--hairs", "h", "--pictures", "p")
    assert done.returncode == 0, done.stderr
    made = {path.name for path in (tmp_path / "p").iterdir()}
    assert len(made) == 8 and "x.jpg-on-a.png.png" in made


def test_pictures_that_would_take_one_place_are_refused(call, tmp_path):
    (face,), (hair,) = crops(tmp_path / "f", "a"), crops(tmp_path / "h", "x")
    for one, name in ((face, "b-on-c.png"), (face, "c.png"), (hair, "a.png"), (hair, "a-on-b.png")):
        one.with_name(name).write_bytes(one.read_bytes())
    refused(call(grid, "--faces", "f", "--hairs", "h", "--pictures", "p"), "a-on-b-on-c.png 2 times: rename")


def test_a_grid_keeps_no_picture_at_full_size(world, network, tmp_path):
    faces, hairs = crops(tmp_path / "f", "abc"), crops(tmp_path / "h", "xy")
    seen: list[weakref.ref] = []
    for _, _, picture in grid.cells(album(world, network), faces, hairs):
        assert sum(one() is not None for one in seen[:-1]) == 0
        seen.append(weakref.ref(picture))
    assert len(seen) == 6


def test_a_cached_embedding_is_never_that_of_another_photo_of_the_same_name(world, network, tmp_path):
    (one,) = crops(tmp_path / "f", "a")
    shelf = album(world, network, cache=tmp_path / "kept")
    first = shelf.embedding(one, "hair")
    one.write_bytes(crops(tmp_path / "g", "b")[0].read_bytes())
    other = album(world, network, cache=tmp_path / "kept").embedding(one, "hair")
    assert not np.allclose(first, other) and len(list((tmp_path / "kept").iterdir())) == 2


@pytest.mark.parametrize("blend", ["none", "alpha"])
def test_interpolation_ends_in_the_transfers_from_its_first_and_its_last_photo(world, network, tmp_path, blend):
    (face,), hairs = crops(tmp_path / "f", "a"), crops(tmp_path / "h", "xyz")
    shelf = album(world, network)
    weights = interpolate.weights_of(3, 5)
    steps = interpolate.between_hairs(shelf, face, hairs, weights, blend=blend)
    for step, hair in ((steps[0], hairs[0]), (steps[2], hairs[1]), (steps[4], hairs[2])):
        alone = shelf.net.wear(shelf.portrait(hair), shelf.portrait(face), blend)
        assert np.abs(np.asarray(step.photo, int) - np.asarray(alone.photo, int)).max() <= 1
    assert not np.array_equal(np.asarray(steps[1].generated), np.asarray(steps[0].generated))


def test_steps_between_faces_end_in_the_transfers_onto_them(world, network, tmp_path):
    faces, (hair,) = crops(tmp_path / "f", "ab"), crops(tmp_path / "h", "x")
    shelf = album(world, network)
    steps = interpolate.between_faces(shelf, faces, hair, interpolate.weights_of(2, 3))
    for step, face in ((steps[0], faces[0]), (steps[2], faces[1])):
        alone = shelf.net.wear(shelf.portrait(hair), shelf.portrait(face), "none").generated
        assert np.abs(np.asarray(step, int) - np.asarray(alone, int)).max() <= 1


def test_the_interpolate_command_writes_a_strip_and_frames_the_same_twice(call, tmp_path):
    crops(tmp_path, "axy")
    words = ["--hairs", "x.png,y.png", "--face", "a.png", "--steps", 3, "--frames", "s", "--out", "i.png"]
    done = call(interpolate, *words, "--blend", "none")
    assert done.returncode == 0 and "3 steps with 3 encodings" in done.stdout, done.stderr
    assert Image.open(tmp_path / "s/step-0002.png").size == (32, 32)
    before = (tmp_path / "i.png").read_bytes()
    call(interpolate, *words, "--blend", "none")
    assert (tmp_path / "i.png").read_bytes() == before


def test_from_the_own_hair_the_first_frame_is_the_photo(call, tmp_path):
    crops(tmp_path, "ax")
    done = call(interpolate, "--hairs", "own,x.png", "--face", "a.png", "--strengths", "0,0.5", "--frames", "s")
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.asarray(read_image(tmp_path / "s/step-0000.png")), np.asarray(read_image("a.png")))


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["--hairs", "x.png", "--face", "a.png", "--steps", "0"], "--steps is 0: it must lie in 1"),
        (["--hairs", "x.png,y.png", "--face", "a.png", "--steps", "1"], "--steps is 1: it must lie in 2"),
        (["--hairs", "x.png,y.png", "--face", "a.png,x.png"], "--face has 2 photos: give one photo in --hairs"),
        (["--hairs", "x.png", "--face", "a.png,y.png"], "give --blend none as well"),
        (["--hairs", "own", "--face", "a.png"], "at least one photo has to follow"),
        (["--hairs", "x.png", "--face", "a.png", "--take", "colour"], "--take is for the way from the face's own hair"),
        (["--hairs", "own,x.png", "--face", "a.png", "--strengths", "0,2"], "--strength is 2.0: it must lie in 0"),
        (["--hairs", "own,x.png", "--face", "a.png", "--strengths", "0,much"], "--strengths is '0,much'"),
        (["--hairs", "x.png,nobody.png", "--face", "a.png"], "nobody.png does not exist"),
        (["--hairs", ",", "--face", "a.png"], "--hairs is ','"),
        (["--hairs", "x.png", "--face", "a.png", "--out", "x.png"], "--out x.png is one of the files to read"),
        (["--hairs", "x.png", "--face", "a.png", "--out", "x.gif"], "--out x.gif is not a name for an image"),
    ],
)
def test_interpolations_that_make_no_sense_are_refused(call, tmp_path, words, sentence):
    crops(tmp_path, "axy")
    refused(call(interpolate, *words), sentence)


def test_manipulation_moves_in_units_and_says_what_it_measured(call, tmp_path):
    crops(tmp_path, "a")
    words = ["a.png", "--attribute", "hair_lightness", "--by", "-10,0,10", "--frames", "s", "--out", "m.png"]
    done = call(manipulate, *words, "--blend", "none")
    steps = [line for line in done.stdout.splitlines() if line.startswith("by ")]
    figures = read_json(tmp_path / "m.json")
    known = ["measured" in row for row in figures["pictures"]]  # pictures of a random network may show no hair at all
    assert done.returncode == 0 and any(known) and ["->  measured" in line for line in steps] == known, done
    assert [row["by"] for row in figures["pictures"]] == [-10, 0, 10] and figures["unit"] == "units"
    shown = [np.asarray(read_image(tmp_path / f"s/step-000{k}.png")) for k in range(3)]
    assert not np.array_equal(shown[0], shown[1]) and not np.array_equal(shown[1], shown[2])


@pytest.mark.parametrize("attribute", ["hair_lightness", "hair_length"])
def test_a_manipulation_by_nothing_leaves_the_photo(call, tmp_path, attribute):
    crops(tmp_path, "a")
    done = call(manipulate, "a.png", "--attribute", attribute, "--by", "0,5", "--frames", "s")
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.asarray(read_image(tmp_path / "s/step-0000.png")), np.asarray(read_image("a.png")))


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["--attribute", "hair_lightness"], "--by and --to: give exactly one"),
        (["--attribute", "hair_lightness", "--by", "1", "--to", "1"], "--by and --to: give exactly one"),
        (["--attribute", "hair_lightness", "--by", "many"], "--by is 'many'"),
        (
            ["--attribute", "hair_mood", "--by", "1"],
            "--attribute is 'hair_mood', but it is one of hair_length, hair_lightness",
        ),
        (["--attribute", "hair_lightness", "--to", "5000"], "--to is 5000, but hair_lightness is estimated as"),
    ],
)
def test_manipulations_that_make_no_sense_are_refused(call, tmp_path, words, sentence):
    crops(tmp_path, "a")
    refused(call(manipulate, "a.png", *words), sentence)


def test_published_directions_have_no_units_and_claim_no_measurements(call, tmp_path):
    crops(tmp_path, "a")
    vector = np.random.RandomState(0).randn(16).astype(np.float32)
    (tmp_path / "latent_directions.pkl").write_bytes(pickle.dumps({"color": vector}))
    words = ["a.png", "--attribute", "color", "--directions", "latent_directions.pkl", "--blend", "none"]
    done = call(manipulate, *words, "--by", "-2,2", "--out", "m.png")
    assert done.returncode == 0 and "nan" not in done.stdout and "measured" not in done.stdout, done.stderr
    assert read_json(tmp_path / "m.json")["pictures"] == [{"by": -2}, {"by": 2}]
    refused(call(manipulate, *words, "--to", "3,4"), "--to is 3,4, but latent_directions.pkl has no units")
    refused(
        call(manipulate, *words, "--by", "1e30"), "--by is 1e30: with latent_directions.pkl it must lie in -1000 to"
    )


def test_a_list_of_pairs_is_worked_through_and_photos_are_encoded_once(call, tmp_path):
    crops(tmp_path, "abxy")
    (tmp_path / "l.csv").write_text(
        "hair,face,out,strength,take\nx.png,a.png,,,\nx.png,b.png,,0.5,\ny.png,a.png,c.png,1,colour\nz.png,a.png,,,\n"
    )
    done = call(pairs, "l.csv", "--out", "r")
    assert done.returncode == 0 and "3 of 4 transfers with " in done.stdout, done.stderr
    assert "z.png does not exist" in done.stderr
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["c.png", "x-on-a.png", "x-on-b.png"]


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "has the columns : it takes hair, face"),
        ("hair,face\n", "has 0 lines below its header"),
        ("hair,shirt\nx.png,a.png\n", "has the columns hair, shirt: it takes"),
        ("hair,face\nx.png\n", "line 2 has not as many fields"),
        ("hair,face\nx.png,\n", "line 2 lacks hair or face"),
        ("hair,face\nx.png,a.png\nx.png,a.png\n", "lines 2 and 3 both write"),
        ("hair,face,out\nx.png,a.png,../c.png\n", "line 2 has out ../c.png: give the name of a file"),
        ("hair,face,out\nx.png,a.png,c.gif\n", "c.gif is not a name for an image"),
        ("hair,face,strength\nx.png,a.png,9\n", "line 2 has strength 9: it must lie in 0 to 1.5"),
        ("hair,face,take\nx.png,a.png,fringe\n", "line 2 has take fringe: it is one of all, colour, shape"),
    ],
)
def test_lists_with_mistakes_are_refused_by_line(call, tmp_path, text, sentence):
    crops(tmp_path, "ax")
    (tmp_path / "l.csv").write_text(text)
    refused(call(pairs, "l.csv"), sentence)
    assert not (tmp_path / "transfers").exists()


def test_without_directions_layers_tell_colour_from_shape(world, tmp_path):
    path = toy_network(tmp_path, world, steered=False)
    net, parser = load_network(path, "cpu"), load_parser(world.parser, "cpu")
    face, hair = (Portrait(whole(read_image(one)), parser) for one in crops(tmp_path, "ax"))
    look = net.look(face, [hair])
    own, other = look.codes(strength=0.0), look.codes()
    colour, shape = look.codes(take="colour"), look.codes(take="shape")
    assert np.allclose(colour[:, :2], own[:, :2], atol=1e-5) and np.allclose(colour[:, 2:], other[:, 2:], atol=1e-5)
    assert np.allclose(colour + shape, own + other, atol=1e-4)


@pytest.mark.parametrize("fault, sentence", [("damaged", "hair-directions"), ("of another network", "another network")])
def test_directions_that_cannot_be_used_are_an_error_and_not_left_out(world, network, tmp_path, fault, sentence):
    path = toy_network(tmp_path / "n", world, seed=1, steered=False)
    other = (network.parent / FILE).read_bytes()
    (path.parent / FILE).write_bytes(other[: len(other) // 2] if fault == "damaged" else other)
    parser = load_parser(world.parser, "cpu")
    face, hair = (Portrait(whole(read_image(one)), parser) for one in crops(tmp_path, "ax"))
    look = load_network(path, "cpu").look(face, [hair])
    with pytest.raises(ValueError, match=sentence):
        look.codes(take="colour")
    look.codes()  # which needs none


def test_a_picture_that_is_not_square_is_no_aligned_crop(call, tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    refused(call(manipulate, "a.png", "--attribute", "hair_length", "--by", "1"), "a.png: an aligned crop is square")
