"""The order of the classes: one order inside, the others mapped at the door."""

import numpy as np
import pytest

from faces.labels import LABEL, MIRRORED, NAMES, channel_order, to_celebamask


def test_hair_is_13_and_neck_is_17():
    assert LABEL["hair"] == 13 and LABEL["neck"] == 17 and len(NAMES) == 19


def test_bisenet_labels_map_to_celebamask_order():
    assert to_celebamask(np.arange(19), "bisenet").tolist() == [
        0, 1, 6, 7, 4, 5, 3, 8, 9, 15, 2, 10, 11, 12, 17, 16, 18, 13, 14,
    ]  # fmt: skip


def test_channels_and_labels_are_mapped_alike():
    logits = np.random.RandomState(0).randn(5, 19)
    assert np.array_equal(logits[:, channel_order("bisenet")].argmax(1), to_celebamask(logits.argmax(1), "bisenet"))


def test_mirroring_swaps_sides_and_twice_is_nothing():
    assert MIRRORED[LABEL["l_ear"]] == LABEL["r_ear"] and MIRRORED[LABEL["l_lip"]] == LABEL["l_lip"]
    assert MIRRORED[LABEL["ear_r"]] == LABEL["ear_r"] and np.array_equal(MIRRORED[MIRRORED], np.arange(19))


def test_unknown_orders_and_labels_are_refused():
    with pytest.raises(ValueError, match="one of celebamask, bisenet"):
        to_celebamask(np.zeros(3, int), "helen")
    with pytest.raises(ValueError, match="0 to 18"):
        to_celebamask(np.array([255]), "bisenet")


def test_the_subjects_left_is_the_images_right(shared):
    from PIL import Image

    columns: dict[str, list[float]] = {"l_eye": [], "r_eye": []}
    for path in sorted((shared / "material/parsing/masks").iterdir())[:20]:
        labels = np.asarray(Image.open(path))
        for name, found in columns.items():
            found.extend(np.nonzero(labels == LABEL[name])[1].tolist())
    assert np.mean(columns["l_eye"]) > np.mean(columns["r_eye"]) + 50
