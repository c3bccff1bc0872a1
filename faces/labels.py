"""The 19 face classes in CelebAMask-HQ's own order, and the maps from other orders to it.

`l_` and `r_` are the subject's left and right: in a frontal picture `l_eye` lies at the image's right.
"""

from __future__ import annotations

import numpy as np

NAMES = (
    "background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear",
    "mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
CLASSES = len(NAMES)
LABEL = {name: index for index, name in enumerate(NAMES)}

# Each order as the names of its labels 0, 1, 2, ...; zllrunning/face-parsing.PyTorch merges its parts in this order.
ORDERS: dict[str, tuple[str, ...]] = {
    "celebamask": NAMES,
    "bisenet": (
        "background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r",
        "nose", "mouth", "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat",
    ),
}  # fmt: skip

PAIRS = (("l_eye", "r_eye"), ("l_brow", "r_brow"), ("l_ear", "r_ear"))
MIRRORED = np.arange(CLASSES, dtype=np.uint8)  # label k of a picture is label MIRRORED[k] of its mirror image
for _left, _right in PAIRS:
    MIRRORED[[LABEL[_left], LABEL[_right]]] = LABEL[_right], LABEL[_left]


def to_celebamask(labels: np.ndarray, order: str) -> np.ndarray:
    """Label maps of any shape in another order -> uint8 in CelebAMask-HQ's; `order` is a key of ORDERS."""
    if order not in ORDERS:
        raise ValueError(f"order is {order!r}: it must be one of {', '.join(ORDERS)}")
    if labels.size and not 0 <= labels.min() <= labels.max() < CLASSES:
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}: they must lie in 0 to {CLASSES - 1}")
    return np.array([LABEL[name] for name in ORDERS[order]], np.uint8)[labels]


def channel_order(order: str) -> list[int]:
    """Indices such that `logits[:, channel_order(order)]` has the channels of CelebAMask-HQ's order."""
    return [ORDERS[order].index(name) for name in NAMES]
