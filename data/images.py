"""Pictures in and out: files, uint8 arrays and network tensors, with one pixel rule for all of them.

Tensors are (N, 3, H, W) float32 RGB in [-1, 1]; arrays are (N, H, W, 3) uint8 RGB.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageCms, ImageDraw, ImageOps

from data.files import atomic_path

# What a photo can be (phones' MPO counts as JPEG). Pillow's other readers are not needed here, and some start programs
# (EPS: Ghostscript).
READABLE = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
HEIF = (".heic", ".heif")  # phones' other format, read where pillow-heif is installed
MAX_PIXELS = 100_000_000
SAVING: dict[str, dict] = {
    ".png": {"format": "PNG", "compress_level": 4},
    ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".webp": {"format": "WEBP", "lossless": True},
}


def read_image(path: str | Path, most: int = MAX_PIXELS) -> Image.Image:
    """An image file as 8-bit sRGB: turned as its EXIF orientation says, transparency laid over white.

    `most` is the number of pixels above which it is refused, before it is decoded.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: give the path of an image file")
    if not path.is_file():
        raise ValueError(f"{path} is not a file: give the path of an image file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, on size (our rule is stricter) and on broken EXIF (read without)
        with _open(path) as image:
            if image.width * image.height > min(most, MAX_PIXELS):
                size = f"{image.width} x {image.height}"
                limit = f"{min(most, MAX_PIXELS):,}"
                raise ValueError(f"{path} has too many pixels ({size}), more than {limit}: make it smaller")
            try:
                image.load()
            except Exception as error:
                raise ValueError(f"{path} is not an image that can be read ({error}): save it again") from error
            return _over_white(_in_srgb(_upright(_eight_bits(image))))


def write_image(image: Image.Image | np.ndarray, path: str | Path) -> None:
    """Writes a PIL image or an (H, W, 3) uint8 array as .png, .jpg (quality 95, 4:4:4) or .webp (lossless)."""
    path = Path(path)
    options = check_image_path(path)
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    with atomic_path(path) as temporary:
        picture.save(temporary, **options)


def check_image_path(path: str | Path, flag: str = "") -> dict:
    """Raises ValueError for a name that `write_image` would refuse; commands call it first, and name their flag."""
    suffix = Path(path).suffix.lower()
    if suffix not in SAVING:
        raise ValueError(f"{flag} {path} is not a name for an image: end it in {', '.join(SAVING)}".lstrip())
    return SAVING[suffix]


def to_uint8(x: torch.Tensor) -> np.ndarray:
    """(N, 3, H, W) in [-1, 1] -> (N, H, W, 3) uint8: clamp(x * 127.5 + 128, 0, 255) truncated, NVIDIA's rule."""
    return to_pixels(x).cpu().numpy()


def to_pixels(x: torch.Tensor) -> torch.Tensor:
    """`to_uint8` as a tensor, on the device of x."""
    pixels = (x.detach().float() * 127.5 + 128).clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous()


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32 = u / 127.5 - 1."""
    return to_range(torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)).contiguous()


def to_range(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 of any shape -> float32 in [-1, 1] = u / 127.5 - 1, in the same memory order."""
    return pixels.to(torch.float32) / 127.5 - 1


def sheet(images: np.ndarray, columns: int, captions: list[str] | None = None, scale: int = 1) -> Image.Image:
    """A contact sheet on white: (N, H, W, 3) uint8 row by row, each `scale` times as large, captions underneath.

    `captions` has one text per image (lines are cut to the image's width); None leaves no room for them.
    """
    count, height, width, _ = images.shape
    assert captions is None or len(captions) == count, f"{len(captions or [])} captions for {count} images"
    rows = -(-count // columns)
    gap, text = 2, 0 if captions is None else 14
    cell_w, cell_h = width * scale + gap, height * scale + text + gap
    page = Image.new("RGB", (columns * cell_w + gap, rows * cell_h + gap), "white")
    draw = ImageDraw.Draw(page)
    for k, pixels in enumerate(images):
        x, y = gap + k % columns * cell_w, gap + k // columns * cell_h
        picture = Image.fromarray(pixels).resize((width * scale, height * scale), Image.Resampling.NEAREST)
        page.paste(picture, (x, y))
        if captions is not None:
            draw.text((x, y + height * scale), _cut(captions[k], width * scale, draw), fill="black")
    return page


def _open(path: Path) -> Image.Image:
    """The image with its header read; ValueError for a file that is none."""
    formats = list(READABLE)
    if path.suffix.lower() in HEIF:
        _register_heif(path)
        formats.append("HEIF")
    try:
        return Image.open(path, formats=formats)
    except PermissionError:
        raise
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path} has too many pixels, more than {MAX_PIXELS:,}: make it smaller") from error
    except Exception as error:  # a crafted file makes a decoder raise nearly anything
        raise ValueError(f"{path} is not an image that can be read: give a PNG, JPEG, WebP, BMP or TIFF") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey files as 8-bit ones: Pillow's own conversion clips them to white."""
    if image.mode.startswith("I;16") or image.mode == "I":
        exif = image.getexif()
        wide = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray((wide // 257).astype(np.uint8))
        image.info["exif"] = exif.tobytes()
    return image


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a broken EXIF block says nothing about the orientation; the picture itself was decoded
        return image


def _in_srgb(image: Image.Image) -> Image.Image:
    """Colours as an embedded profile means them; a profile that cannot be used is ignored."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "L", "CMYK"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except Exception:  # crafted or unfit profiles say nothing that can be relied on
        return image
    return converted or image


def _register_heif(path: Path) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ValueError(f"{path} is HEIF, which needs a reader: install pillow-heif, or save it as JPEG") from error
    register_heif_opener()


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _cut(text: str, width: int, draw: ImageDraw.ImageDraw) -> str:
    while text and draw.textlength(text) > width:
        text = text[:-1]
    return text
