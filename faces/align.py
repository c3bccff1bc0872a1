"""The FFHQ crop of a photo, and the way back into the photo.

The crop is that of Karras et al. (CVPR 2019, appendix C) as NVlabs/ffhq-dataset computes it: a rotated square placed by
the eyes and the mouth, reflected and blurred where it leaves the photo. Coordinates are pixels with the centre of the
first pixel at (0, 0); corners of a quad come in the order top left, bottom left, bottom right, top right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, maximum_filter

from faces.detect import chosen, detect
from faces.inner import inner_face

__all__ = ["Aligned", "align", "align_at", "crop_quad", "ffhq_quad", "inner_face"]

SUPERSAMPLING = 4  # FFHQ warps at four times the size and then shrinks
LARGEST_WARP = 4096  # px: side of FFHQ's own warp
SAME = 2.5  # of 255: changes of a crop up to this are its rounding, not its content
FEATHER = 0.06  # of the crop's side: width of the ramp by which a crop laid back fades into the photo


def ffhq_quad(points: np.ndarray) -> np.ndarray:
    """Five points (..., 5, 2) -> corners (..., 4, 2) of the FFHQ square.

    The square's x axis is the mean of the eye line and the normal of the eye-mouth line; its half side is the larger of
    2 x eye distance and 1.8 x eye-mouth distance; its centre lies a tenth of the way from the eyes to the mouth.
    """
    points = np.asarray(points, np.float64)
    eyes, mouth = points[..., :2, :].mean(-2), points[..., 3:, :].mean(-2)
    across, down = points[..., 1, :] - points[..., 0, :], mouth - eyes
    x = across + np.stack([down[..., 1], -down[..., 0]], -1)
    half = np.maximum(2.0 * np.linalg.norm(across, axis=-1), 1.8 * np.linalg.norm(down, axis=-1))
    x = x * (half / np.maximum(np.linalg.norm(x, axis=-1), 1e-9))[..., None]
    y = np.stack([-x[..., 1], x[..., 0]], -1)
    centre = eyes + 0.1 * down
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y], -2)


def crop_quad(photo: Image.Image, quad: np.ndarray, size: int) -> Image.Image:
    """The square `quad` (4, 2) of an RGB photo as a (size, size) picture, through a warp at four times the size."""
    side = float(np.linalg.norm(quad[3] - quad[0]))
    shrink = int(side / size / 2)
    if shrink > 1:  # a large photo is first reduced to about twice the crop's resolution
        reduced = (round(photo.width / shrink), round(photo.height / shrink))
        photo, quad, side = photo.resize(reduced, Image.Resampling.LANCZOS), quad / shrink, side / shrink

    border = max(round(side * 0.1), 3)
    low = np.floor(quad.min(0)).astype(int) - border
    high = np.ceil(quad.max(0)).astype(int) + border
    beyond = np.maximum(np.concatenate([-low, high - photo.size]), 0)  # left, top, right, bottom px missing
    box = (*np.maximum(low, 0).tolist(), *np.minimum(high, photo.size).tolist())
    if box[2] <= box[0] or box[3] <= box[1]:
        raise ValueError("the face lies outside the photo: give points that lie within it")
    photo, quad = photo.crop(box), quad - box[:2]
    if beyond.max() > border - 4:
        pad = np.maximum(beyond, round(side * 0.3))
        photo, quad = _extend(photo, pad, blur=side * 0.02), quad + pad[:2]

    warp = max(size, min(size * SUPERSAMPLING, LARGEST_WARP))
    corners = (quad + 0.5).flatten().tolist()
    image = photo.transform((warp, warp), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR)
    return image.resize((size, size), Image.Resampling.LANCZOS) if warp > size else image


def _extend(photo: Image.Image, pad: np.ndarray, blur: float) -> Image.Image:
    """Reflects `pad` (left, top, right, bottom) px around the photo, blurs them (sigma `blur` px) and fades them into
    the median colour, more the further they are from the photo."""
    left, top, right, bottom = (int(p) for p in pad)
    x = np.pad(np.asarray(photo, np.float32), ((top, bottom), (left, right), (0, 0)), "reflect")
    height, width = x.shape[:2]
    # 1 at the outer rim, 0 at the photo's border, then negative towards its inside
    outside_x = 1 - np.minimum(np.arange(width) / left, np.arange(width)[::-1] / right)
    outside_y = 1 - np.minimum(np.arange(height) / top, np.arange(height)[::-1] / bottom)
    outside = np.maximum(outside_x[None, :], outside_y[:, None]).astype(np.float32)[..., None]
    x += (_blurred(x, blur) - x) * np.clip(outside * 3 + 1, 0, 1)
    x += (np.median(x[::2, ::2], axis=(0, 1)) - x) * np.clip(outside, 0, 1)
    return Image.fromarray(np.rint(x).clip(0, 255).astype(np.uint8))


def _blurred(x: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of (H, W, 3) float32; wide ones on a reduced copy, which the blur does not let one see."""
    step = max(1, int(sigma / 3))
    planes = [Image.fromarray(np.ascontiguousarray(x[..., c])).reduce(step) for c in range(3)]
    planes = [Image.fromarray(gaussian_filter(np.asarray(plane), sigma / step)) for plane in planes]
    size = (x.shape[1], x.shape[0])
    # `reduce` rounds the size up: its last column covers less than `step` px, so the box says what the copy covers
    box = (0, 0, size[0] / step, size[1] / step)
    return np.stack([np.asarray(plane.resize(size, Image.Resampling.BILINEAR, box)) for plane in planes], -1)


@dataclass(frozen=True)
class Aligned:
    """A face's FFHQ crop together with the photo that it came from."""

    image: Image.Image  # RGB, (size, size)
    quad: np.ndarray  # (4, 2) float64: the crop's corners in pixels of the photo
    points: np.ndarray  # (5, 2) float32: eyes, nose, mouth corners in pixels of the crop
    source: Image.Image  # the whole photo, RGB

    def to_photo(self, image: Image.Image, mask: np.ndarray | None = None) -> Image.Image:
        """The whole photo with `image` laid over the crop's place, at the photo's own resolution.

        Args:
            image: square RGB picture of any size: the crop, changed.
            mask: (h, w) floats in [0, 1] over the crop, of any size: how much of `image` shows; None: all of it that
                is not the crop itself.
        Returns:
            RGB picture of the photo's size. It fades over 6 % of the crop's side towards those borders of the crop
            that lie in the photo; where mask or fade are 0 every pixel is the photo's, exactly.
        """
        if image.width != image.height:
            raise ValueError(f"the picture to lay back is {image.width} x {image.height} px: it must be a square crop")
        weight = self._changed(image) if mask is None else np.asarray(mask, np.float32)
        if weight.ndim != 2 or not (np.isfinite(weight).all() and weight.min() >= 0 and weight.max() <= 1):
            raise ValueError(f"mask has shape {weight.shape}: it must be (h, w) with values in [0, 1]")

        side = float(np.linalg.norm(self.quad[3] - self.quad[0]))
        low = np.maximum(np.floor(self.quad.min(0)).astype(int), 0)
        high = np.minimum(np.ceil(self.quad.max(0)).astype(int) + 1, self.source.size)
        if (high <= low).any():
            return self.source.copy()
        sampled = max(1, min(round(side), image.width))  # never more pixels than the photo can show: no aliasing
        shown = Image.fromarray(weight).resize((sampled, sampled), Image.Resampling.BILINEAR)
        alpha = _warp_back(shown, self.quad, low, high, Image.Resampling.BILINEAR) * self._fade(low, high)
        changed = image.convert("RGB").resize((sampled, sampled), Image.Resampling.LANCZOS)
        front = _warp_back(changed, self.quad, low, high, Image.Resampling.BICUBIC)

        box = (*low.tolist(), *high.tolist())
        back = np.asarray(self.source.crop(box))
        mixed = np.rint(back + alpha[..., None] * (front.astype(np.float32) - back)).astype(np.uint8)
        photo = self.source.copy()
        photo.paste(Image.fromarray(np.where(alpha[..., None] > 0, mixed, back)), box[:2])
        return photo

    def _changed(self, image: Image.Image) -> np.ndarray:
        """(h, w) float32: 0 where `image` is the crop. There the photo stays, which the crop shows less finely, and
        blurred where it was padded."""
        size = (min(image.width, self.image.width),) * 2
        new, old = (one.convert("RGB").resize(size, Image.Resampling.LANCZOS) for one in (image, self.image))
        change = np.abs(np.asarray(new, np.float32) - np.asarray(old, np.float32)).max(-1)
        return np.clip(maximum_filter((change > SAME).astype(np.float32), 5), 0, 1)

    def _fade(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """(H, W) float32 ramp over photo pixels [low, high): 0 at the crop's borders, 1 further inside.

        A border beyond which the photo does not go on needs no fade (a photo that *is* an FFHQ crop must not keep a
        frame of the old picture), so the ramp is never wider than the photo's strip beyond it.
        """
        xs, ys = np.arange(low[0], high[0]), np.arange(low[1], high[1])
        width, height = self.source.size
        corners = np.array([(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)], np.float64)
        side = float(np.linalg.norm(self.quad[3] - self.quad[0]))
        ramp = np.ones((len(ys), len(xs)), np.float32)
        for start, inward in ((0, 3), (0, 1), (2, 1), (2, 3)):
            normal = (self.quad[inward] - self.quad[start]) / side
            beyond = float(-((corners - self.quad[start]) @ normal).min())
            depth = (xs[None, :] - self.quad[start][0]) * normal[0] + (ys[:, None] - self.quad[start][1]) * normal[1]
            wide = min(FEATHER * side, max(beyond, 0.0))
            t = np.clip(depth / wide, 0, 1) if wide > 0.5 else (depth > -1).astype(np.float64)
            ramp *= (t * t * (3 - 2 * t)).astype(np.float32)
        return ramp


def _warp_back(
    crop: Image.Image, quad: np.ndarray, low: np.ndarray, high: np.ndarray, resampling: Image.Resampling
) -> np.ndarray:
    """The crop (S, S) as seen by the photo's pixels [low, high): (H, W[, 3]) of the crop's type, 0 outside the quad."""
    to_photo = np.stack([quad[3] - quad[0], quad[1] - quad[0]], 1) / crop.width  # crop px -> photo px
    back = np.linalg.inv(to_photo)
    # PIL's coordinates have pixel centres at .5; the half pixels of `low` and of the quad's corner cancel
    origin = back @ (low - quad[0] - 0.5)
    coefficients = (back[0, 0], back[0, 1], origin[0], back[1, 0], back[1, 1], origin[1])
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    return np.asarray(crop.transform(size, Image.Transform.AFFINE, coefficients, resampling))


def align(photo: Image.Image, size: int = 256, pick: str | None = None) -> Aligned:
    """The FFHQ crop (size, size) of a face of `photo`; ValueError when there is none.

    `pick` names the face as in `detect.chosen`: None is the most central one.
    """
    faces = detect(photo)
    return align_at(photo, faces.points[chosen(faces, *photo.size, pick)], size)


def align_at(photo: Image.Image, points: np.ndarray, size: int = 256) -> Aligned:
    """The FFHQ crop (size, size) around five given points (5, 2) of the photo; order as in `detect.Faces.points`."""
    if size < 16:
        raise ValueError(f"size is {size}: a crop needs at least 16 px")
    photo = photo.convert("RGB")
    quad = ffhq_quad(points)
    axes = np.stack([quad[3] - quad[0], quad[1] - quad[0]], 1) / size
    inside = np.linalg.solve(axes, (np.asarray(points, np.float64) - quad[0]).T).T - 0.5
    return Aligned(crop_quad(photo, quad, size), quad, inside.astype(np.float32), photo)
