"""Old hair away: what lies behind it, drawn from the photo's own surfaces.

Which surface lies behind, the generated crop says (its head has no such hair); how the surface looks, the photo says:
its background, skin, neck and clothes are continued from around. Only ears are the generator's own, since a photo whose
ears are hidden has none to offer.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt, gaussian_filter, maximum_filter
from scipy.spatial import ConvexHull

from faces.labels import LABEL
from hairnet.photo.canvas import WORK, Canvas, in_crop, scaled
from hairnet.photo.matte import FEATURES, HAIR, SKIN
from hairnet.photo.spread import spread

BACKGROUND = LABEL["background"]
EARS = [LABEL["l_ear"], LABEL["r_ear"]]
# Surfaces that can lie behind hair, as labels that look alike.
SURFACES = ([BACKGROUND], [SKIN, LABEL["nose"], *FEATURES], [LABEL["neck"]], [LABEL["cloth"]], EARS)
CLOTHES = 3  # row of SURFACES
RING = 12  # px of WORK: loose strands are looked for this far beyond the hair
EDGE = 1.2  # px: sigma of the edges between surfaces
LEAST = 60  # px of WORK: less than this of a surface has no look
SHADING = (0.8, 1.1)  # of a generated ear, relative to the photo's skin


def uncover(face: Canvas, made: np.ndarray, made_pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What lies behind the photo's hair: pixels (S,S,3), and how much of the photo they replace, (S,S).

    Args:
        face: the photo
        made, made_pixels: the generated crop: probabilities (19,CROP,CROP), pixels (CROP,CROP,3)
    """
    small = scaled(face.pixels, WORK)
    hair = scaled(face.hair, WORK) * face.inside
    far = np.clip(1 - 5 * maximum_filter(hair, 2 * RING - 3), 0, 1) * face.inside
    close = np.clip(1 - 5 * maximum_filter(hair, 5), 0, 1) * face.inside
    features = np.clip(1 - 4 * maximum_filter(face.classes[FEATURES].sum(0), 5), 0, 1)

    parts = behind(face, hair, made)
    fill = np.zeros_like(small)
    background = small
    for index, where in enumerate((far, close * features, far, far)):
        sure = np.clip(3 * face.classes[SURFACES[index][0]] - 2, 0, 1) * where
        look = spread(small, sure) if sure.sum() > LEAST else small
        share = parts[index]
        if index == 0:
            background = look
        if index == 1:  # an ear is skin, shaded as the generated one
            look = look * (1 + parts[-1] * (in_crop(_ear_shading(made, made_pixels), 1.0) - 1))[..., None]
            share = share + parts[-1]
        fill += share[..., None] * look
    gone = _gone(small, background, hair, face)
    return scaled(fill, face.side) + _grain(face, far), scaled(gone, face.side)


def behind(face: Canvas, hair: np.ndarray, made: np.ndarray) -> np.ndarray:
    """(5,WORK,WORK): share of each of SURFACES, as it would be seen without any hair.

    The photo's own labels where it shows no hair, the generated crop's where that shows none, the nearest of these
    in between: the middle of hair is where the head ends.
    """
    own = np.argmax([face.classes[surface].sum(0) for surface in SURFACES], 0)
    drawn = np.argmax([made[surface].sum(0) for surface in SURFACES], 0)
    visible = (maximum_filter(hair, 5) < 0.1) & (face.inside > 0)
    head = within_hull(visible & np.isin(own, (1, 4)))
    drawn = in_crop(drawn)
    drawn[(drawn == 0) & head] = 1  # the generated head may be narrower than the photo's
    labels = np.where(visible, own, drawn)
    # shoulders differ more than heads do: clothes are left to what is around
    known = visible | ((in_crop((made[HAIR] < 0.3).astype(np.float32)) > 0) & (drawn != CLOTHES))
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    labels = labels[tuple(nearest)]
    parts = np.stack([gaussian_filter((labels == k).astype(np.float32), EDGE) for k in range(len(SURFACES))])
    return parts / parts.sum(0)


def within_hull(mask: np.ndarray) -> np.ndarray:
    """(W,W) bool: the convex hull of a mask's pixels."""
    points = np.argwhere(mask)
    if len(points) < 3 or (np.ptp(points, 0) == 0).any():
        return mask
    corners = points[ConvexHull(points).vertices]
    canvas = Image.new("1", mask.shape[::-1])
    ImageDraw.Draw(canvas).polygon([(int(x), int(y)) for y, x in corners], fill=1)
    return np.asarray(canvas)


def _ear_shading(made: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(CROP,CROP): how light the generated ears are, relative to their mean."""
    ears = made[EARS].sum(0)
    light = pixels.mean(-1)
    mean = (light * ears).sum() / (ears.sum() + 1e-6)
    return np.clip(light / (mean + 1), *SHADING)


def _gone(small: np.ndarray, background: np.ndarray, hair: np.ndarray, face: Canvas) -> np.ndarray:
    """(WORK,WORK): the hair with a rim, and its loose strands: what is of its colour before the background."""
    inner = np.clip((face.face - 0.6) * 3, 0, 1) * np.clip(1 - 4 * hair, 0, 1)
    rim = np.clip(3 * maximum_filter(hair, 5), 0, 1)
    ring = maximum_filter(hair, 2 * RING + 1) * np.clip(2 * face.classes[BACKGROUND] - 0.5, 0, 1)
    towards = spread(small, np.clip((hair - 0.85) * 10, 0, 1)) - background
    share = ((small - background) * towards).sum(-1) / (np.square(towards).sum(-1) + 100)
    strands = ring * np.clip(4 * share - 0.2, 0, 1)
    return gaussian_filter(np.maximum(rim, maximum_filter(strands, 3)), 1.0) * (1 - inner) * face.inside


def _grain(face: Canvas, far: np.ndarray) -> np.ndarray:
    """(S,S,1) noise as strong as the photo's own in its background, so that what is filled in looks no smoother."""
    rough = face.pixels - gaussian_filter(face.pixels, (1, 1, 0))
    flat = scaled(far * face.classes[BACKGROUND], face.side) > 0.95
    strength = 1.5 * float(np.median(np.abs(rough[flat]))) if flat.any() else 0.0
    return strength * np.random.RandomState(0).randn(face.side, face.side, 1).astype(np.float32)
