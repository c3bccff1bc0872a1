"""From the parser's coarse hair to a matte as fine as the photo: which pixel is hair, and how much of it.

Three steps: a colour model of this very photo tells hair from the skin around it (a fringe, an ear); what does not
belong to the head is dropped; a guided filter (He, Sun, Tang, ECCV 2010) draws the edge as the photo's pixels do.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import binary_closing, binary_dilation, gaussian_filter, label, maximum_filter, uniform_filter

from faces.labels import LABEL

HAIR, SKIN = LABEL["hair"], LABEL["skin"]
BARE = [SKIN, LABEL["l_ear"], LABEL["r_ear"]]  # what hair is told from by its colour
FEATURES = [LABEL[name] for name in ("eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "mouth", "u_lip", "l_lip")]
BIN = 0.08  # of log colour: side of a histogram's cell
LEAST = 150  # pixels without which there is none
RADIUS, SMOOTH = 5, 3e-4  # of the guided filter: px of the coarse mask, variance in [0, 1]^2
BESIDE = 8  # px: uncertain hair is looked for this far from certain hair
REACH, LIKELY = 96, 0.85  # px: half the crop; what such hair covers at least
GAP = 5  # px
TRUST = 0.7  # in the colours' likelihood ratio, whose pixels are not independent
MOST = 4.0  # nats that colours may say at most
HEM = 0.08  # the filter's answer below this is none, above 1 - HEM is all


def hair_or_skin(pixels: np.ndarray, classes: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Probability of hair (W,W), corrected by colour where the parser says hair or bare skin.

    Args:
        pixels: (W,W,3) in [0, 255]
        classes: (19,W,W) probabilities; what they give to hair, skin and ears together stays as it is
        face: (W,W) the inner face: no hair is added to it
    """
    hair = classes[HAIR]
    bare = classes[BARE].sum(0)
    features = maximum_filter(classes[FEATURES].sum(0), 5)
    sure_skin, sure_hair = (bare > 0.8) & (features < 0.2) & (face > 0.3), hair > 0.9
    if min(sure_skin.sum(), sure_hair.sum()) < LEAST:
        return hair
    logs = np.log(pixels + 8)  # light scales colours, so their logarithms move by what is the same everywhere
    opponent = np.stack([logs.mean(-1), logs[..., 0] - logs[..., 1], logs[..., 1] - logs[..., 2]], -1)
    share = hair / (hair + bare + 1e-4)
    open_ = (maximum_filter(bare, 19) > 0.3) & (share > 0.02) & (share < 0.9995)
    if not open_.any():
        return hair
    x = opponent[open_]
    ratio = TRUST * log_ratio(x, opponent[sure_hair], opponent[sure_skin])
    ratio = np.clip(ratio, -MOST, np.where(face[open_] > 0.8, 0, MOST))
    odds = np.log((share[open_] + 1e-3) / (1 - share[open_] + 1e-3))
    result = hair.copy()
    result[open_] = (hair + bare)[open_] / (1 + np.exp(-odds - ratio))
    return result


def likeliest(likely: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """(W,W) bool: hair, corrected by colour to `likely` (W,W), is likelier there than any other class (19,W,W).

    Gaps of up to 2 GAP px are closed, unless there is skin in them.
    """
    bare = classes[[HAIR, *BARE]].sum(0) - likely
    others = np.delete(classes, [HAIR, *BARE], 0).max(0)
    return binary_closing(likely > np.maximum(bare, others), iterations=GAP) & (bare < 0.6)


def one_head_of_hair(hair: np.ndarray, face: np.ndarray, onward: np.ndarray | None = None) -> np.ndarray:
    """Hair (W,W) without what is small, far from the face, or uncertain and not beside certain hair.

    Where hair and background look alike (pink before pink) much of the hair is uncertain: what is likeliest hair,
    `onward` (W,W) bool, counts as far as it goes on from certain hair without a gap, within REACH.
    """
    pieces, count = label(hair > 0.9)
    if count == 0:
        return hair
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    near = np.bincount(pieces[maximum_filter(face, hair.shape[0] // 6) > 0.5], minlength=count + 1) > 0
    kept = near & (sizes > 0.1 * sizes[1:].max())
    kept[0] = False
    sure = kept[pieces]
    if not sure.any():
        return np.zeros_like(hair)
    beside = maximum_filter(sure, 2 * BESIDE + 1)
    if onward is None:
        return hair * beside
    reached = binary_dilation(sure, iterations=REACH, mask=sure | onward)
    return np.maximum(hair * beside, np.maximum(hair, LIKELY) * reached)


def guided(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The coarse mask (W,W) as fine as the image (S,S,3) in [0, 1]: locally it is a linear function of the colours."""
    work, side = mask.shape[0], image.shape[0]
    planes = torch.from_numpy(image).permute(2, 0, 1)[None]
    small = F.interpolate(planes, (work, work), mode="bilinear", align_corners=False, antialias=True)
    x = small[0].permute(1, 2, 0).numpy()
    products = np.stack([x[..., i] * x[..., j] for i in range(3) for j in range(3)], -1)
    mean, mean_mask = _box(x), _box(mask)
    covariance = _box(x * mask[..., None]) - mean * mean_mask[..., None]
    variances = (_box(products) - (mean[..., :, None] * mean[..., None, :]).reshape(products.shape)).reshape(-1, 3, 3)
    variance = torch.from_numpy(variances + SMOOTH * np.eye(3, dtype=np.float32))
    slope = torch.linalg.solve(variance, torch.from_numpy(covariance.reshape(-1, 3))).numpy().reshape(x.shape)
    offset = mean_mask - (slope * mean).sum(-1)
    line = torch.from_numpy(_box(np.concatenate([slope, offset[..., None]], -1))).permute(2, 0, 1)[None]
    line = F.interpolate(line, (side, side), mode="bilinear", align_corners=False)
    answer = ((planes * line[:, :3]).sum(1) + line[:, 3])[0].numpy()
    near = torch.from_numpy(maximum_filter(mask, 4 * RADIUS))[None, None]
    reach = F.interpolate(near, (side, side), mode="bilinear", align_corners=False)
    return np.clip((answer - HEM) / (1 - 2 * HEM), 0, 1) * reach[0, 0].numpy()


def log_ratio(colours: np.ndarray, hair: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(K,): log of how much more likely each colour (K,3) is among those of hair (M,3) than among those of skin (N,3).

    The densities are histograms, smoothed by a Gaussian as wide as a bin.
    """
    samples = np.concatenate([hair, skin])
    low, high = samples.min(0) - BIN, samples.max(0) + BIN
    bins = np.ceil((high - low) / BIN).astype(int)
    place = tuple(np.clip((colours - low) / BIN, 0, bins - 1).astype(int).T)
    logs = []
    for kind in (hair, skin):
        counts, _ = np.histogramdd(kind, bins, list(zip(low, low + bins * BIN, strict=True)))
        logs.append(np.log(gaussian_filter(counts, 1.0) / len(kind) + 1e-5)[place])
    return logs[0] - logs[1]


def _box(x: np.ndarray) -> np.ndarray:
    """Mean over a square of (2 RADIUS + 1) px, (W,W[,C]) float32."""
    size = (2 * RADIUS + 1, 2 * RADIUS + 1, *[1] * (x.ndim - 2))
    return uniform_filter(x.astype(np.float32), size, mode="nearest")
