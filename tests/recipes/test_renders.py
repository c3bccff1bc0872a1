"""Sets of renders: the same bytes however they are made, persons and hairstyles crossed."""

import multiprocessing
import threading
import time

import numpy as np
import pytest

from data.files import sha256
from data.shards import shard_path
from recipes import renders
from recipes.renders import Plan, load_set, write_set
from synth.heads import Head

PEOPLE = Plan("people", heads=5, wigs=2, poses=2, size=32, first=100, shard_size=8)
FACES = Plan("faces", heads=4, wigs=1, poses=2, size=32, first=7, shard_size=4)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    write_set(PEOPLE, folder, workers=1)
    return folder


def test_every_hairstyle_is_worn_by_as_many_persons_as_a_person_has_hairstyles(people):
    data = load_set(people, "people", ("image", "person", "hair", "yaw"))
    assert data["image"].shape == (20, 32, 32, 3) and data["image"].dtype == np.uint8
    for column in ("person", "hair"):
        assert np.bincount(data[column]).tolist() == [4] * 5
    assert len(set(zip(data["person"], data["hair"], strict=True))) == 10
    assert data["yaw"].dtype == np.float32 and np.abs(data["yaw"]).max() <= 46


def test_a_person_keeps_the_identity_and_a_hairstyle_the_hair():
    heads = [PEOPLE.head(number) for number in range(10)]
    for head, person, hair in heads:
        for other, another_person, another_hair in heads:
            assert (head.identity == other.identity) == (person == another_person)
            assert (head.hair == other.hair) == (hair == another_hair)
            assert head is other or head.scene != other.scene


def test_faces_carry_labels_pose_and_landmarks(tmp_path):
    write_set(FACES, tmp_path, workers=1)
    data = load_set(tmp_path, "faces", ("image", "labels", "yaw", "pitch", "roll", "landmarks68", "seed"))
    assert data["seed"].tolist() == [7, 7, 8, 8, 9, 9, 10, 10]
    assert data["labels"].shape == (8, 32, 32) and data["labels"].dtype == np.uint8 and data["labels"].max() < 19
    assert data["landmarks68"].shape == (8, 68, 2)
    first = Head.sample(7)
    assert abs(data["yaw"][0] - (2 * first.pose.yaw - 1) * 45) < 1e-3  # the first pose is the head's own
    assert (np.diff(data["yaw"].reshape(4, 2), axis=1) != 0).all()


def test_wigs_are_the_hairstyles_of_people_on_one_mannequin(tmp_path):
    plan = Plan("wigs", heads=3, wigs=1, poses=2, size=32, first=100, shard_size=6)
    heads = [plan.head(number) for number in range(3)]
    assert all(head.identity == heads[0][0].identity and head.scene == heads[0][0].scene for head, *_ in heads)
    worn = {hair: head.hair for head, _, hair in (PEOPLE.head(number) for number in range(10))}
    assert all(head.hair == worn[hair] for head, _, hair in heads)
    write_set(plan, tmp_path, workers=1)
    data = load_set(tmp_path, "wigs", ("image", "alpha", "hair", "yaw"))
    assert data["hair"].tolist() == [0, 0, 1, 1, 2, 2] and data["yaw"].tolist() == [0, 22.5] * 3
    assert data["alpha"].shape == (6, 32, 32) and data["alpha"].max() == 255


def test_a_resumed_set_has_the_same_bytes(people, tmp_path):
    write_set(PEOPLE, tmp_path, workers=1)
    gone = shard_path(tmp_path, 1)
    gone.unlink()
    write_set(PEOPLE, tmp_path, workers=2)
    for shard in range(PEOPLE.shards):
        assert sha256(shard_path(tmp_path, shard)) == sha256(shard_path(people, shard))


def test_shards_of_another_renderer_are_never_taken_for_the_same_set(tmp_path, monkeypatch):
    plan = Plan("people", heads=3, wigs=1, poses=1, size=32, first=0, shard_size=1)
    write_set(plan, tmp_path, workers=1)
    (tmp_path / "shard-00002.h5").unlink()
    with monkeypatch.context() as later:
        later.setattr(renders, "renderer", lambda: "another")
        with pytest.raises(ValueError, match="shard-00000.h5 was made otherwise .renderer"):
            write_set(plan, tmp_path, workers=1)
        renders.write_shard(plan, tmp_path, 2)
    with pytest.raises(ValueError, match="shard-00002.h5 belongs to another set or renderer"):
        load_set(tmp_path, "people", ("image",))


def test_a_killed_renderer_ends_the_command_in_one_sentence(people, tmp_path):
    def kill_the_first_worker():
        while not (workers := multiprocessing.active_children()):
            time.sleep(0.01)
        workers[0].kill()

    threading.Thread(target=kill_the_first_worker, daemon=True).start()
    with pytest.raises(ChildProcessError, match="a rendering process was killed: run the command again"):
        write_set(PEOPLE, tmp_path, workers=2)
    write_set(PEOPLE, tmp_path, workers=1)
    assert sha256(shard_path(tmp_path, 0)) == sha256(shard_path(people, 0))


def test_a_folder_of_another_plan_is_refused(people):
    with pytest.raises(ValueError, match="made otherwise"):
        write_set(Plan("people", 5, 2, 2, 32, 0, 8), people, workers=1)


def test_an_incomplete_or_other_set_is_not_loaded(people, tmp_path):
    with pytest.raises(FileNotFoundError, match="recipes.renders --set faces"):
        load_set(tmp_path, "faces", ("image",))
    with pytest.raises(ValueError, match="set of people"):
        load_set(people, "faces", ("image",))
    shard_path(tmp_path, 0).write_bytes(shard_path(people, 0).read_bytes())
    with pytest.raises(ValueError, match="without 2 of 3 shards"):
        load_set(tmp_path, "people", ("image",))


@pytest.mark.parametrize(
    ("change", "flag"),
    [({"heads": 0}, "--heads"), ({"size": 8}, "--size"), ({"shard_size": 7}, "--shard-size"), ({"wigs": 9}, "--wigs"),
     ({"first": -1}, "--first")],
)  # fmt: skip
def test_impossible_plans_name_the_flag(change, flag):
    fields = {"set": "people", "heads": 5, "wigs": 2, "poses": 2, "size": 32, "first": 0, "shard_size": 8} | change
    with pytest.raises(ValueError, match=flag):
        Plan(**fields)
