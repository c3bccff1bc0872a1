"""Label names in CelebAMask-HQ's own order; `l_` is the subject's left, which a frontal picture shows on its right."""

from __future__ import annotations

NAMES = (
    "background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear",
    "mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
LABEL = {name: index for index, name in enumerate(NAMES)}
BEARD = len(NAMES)  # while rendering only: the label of beards is skin, and their own truth is `Render.beard`
