"""Photos in any shape a user has them, and one pixel rule."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from data.images import read_image, sheet, to_tensor, to_uint8, write_image

RED, WHITE = (255, 0, 0), (255, 255, 255)


def saved(image: Image.Image, path: Path, **options) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "CMYK", "LAB"])
def test_any_mode_is_read_as_rgb(mode: str, tmp_path: Path):
    image = read_image(saved(Image.new(mode, (4, 3), "white"), tmp_path / "a.tif"))
    assert image.mode == "RGB" and image.size == (4, 3)


def test_the_two_pictures_of_a_phone_are_one_photo(tmp_path: Path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (WHITE, RED)]
    saved(frames[0], tmp_path / "a.mpo", save_all=True, append_images=frames[1:])
    path = (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    assert read_image(path).getpixel((0, 0)) == WHITE


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_white(mode: str, tmp_path: Path):
    picture = Image.new(mode, (4, 3), 0)
    assert read_image(saved(picture, tmp_path / "a.png")).getpixel((0, 0)) == WHITE


def test_a_transparent_palette_colour_is_white_too(tmp_path: Path):
    picture = Image.new("P", (4, 3), 0)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.putpixel((1, 0), 1)
    image = read_image(saved(picture, tmp_path / "a.png", transparency=0))
    assert image.getpixel((0, 0)) == WHITE and image.getpixel((1, 0)) == RED


def test_a_photo_is_turned_as_its_exif_says(tmp_path: Path):
    picture = Image.new("RGB", (40, 20), WHITE)
    picture.paste(RED, (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn right
    image = read_image(saved(picture, tmp_path / "a.png", exif=exif))
    assert image.size == (20, 40) and image.getpixel((5, 5)) == RED and image.getpixel((5, 35)) == WHITE


def test_a_broken_exif_block_does_not_hide_the_picture(tmp_path: Path):
    path = saved(Image.new("RGB", (8, 8), RED), tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xffnonsense")
    assert read_image(path).getpixel((0, 0)) == RED


def test_sixteen_bits_become_eight(tmp_path: Path):
    wide = np.array([[0, 257 * 100, 65535]], np.uint16)
    image = read_image(saved(Image.fromarray(wide), tmp_path / "a.png"))
    assert [image.getpixel((x, 0)) for x in range(3)] == [(0,) * 3, (100,) * 3, (255,) * 3]


def test_the_first_frame_of_an_animation_is_read(tmp_path: Path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, WHITE)]
    path = saved(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(path).getpixel((0, 0)) == RED


def broken_files() -> dict[str, bytes]:
    good = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(good, "png")
    header = b"IHDR" + (200_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    bomb = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    return {
        "empty.png": b"",
        "text.png": b"this is a text",
        "half.png": good.getvalue()[: len(good.getvalue()) // 2],
        "bomb.png": bomb,
        "program.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF",
        "pickle.jpg": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    }


@pytest.mark.parametrize("name", broken_files())
def test_a_hostile_file_is_refused_by_name(name: str, tmp_path: Path):
    (tmp_path / name).write_bytes(broken_files()[name])
    with pytest.raises(ValueError, match=f"{name} (is not an image|has too many pixels)"):
        read_image(tmp_path / name)


def test_more_than_100_million_pixels_are_refused_before_decoding(tmp_path: Path):
    header = b"IHDR" + (12_000).to_bytes(4, "big") + (9_000).to_bytes(4, "big") + b"\x08\x02\0\0\0"
    start = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(start + b"\0\0\0\0IDAT\0\0\0\0")
    with pytest.raises(ValueError, match="12000 x 9000"):
        read_image(tmp_path / "a.png")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="b.png does not exist"):
        read_image(tmp_path / "b.png")
    with pytest.raises(ValueError, match="is not a file"):
        read_image(tmp_path)


@pytest.mark.parametrize(("suffix", "loss"), [(".png", 0), (".webp", 0), (".jpg", 8), (".JPEG", 8)])
def test_what_is_written_is_read_again(suffix: str, loss: int, tmp_path: Path):
    y, x = np.mgrid[:32, :32]
    pixels = np.stack([8 * x, 8 * y, 255 - 4 * (x + y)], -1).astype(np.uint8)
    write_image(pixels, tmp_path / "new" / f"a{suffix}")
    again = np.asarray(read_image(tmp_path / "new" / f"a{suffix}")).astype(int)
    assert np.abs(again - pixels).max() <= loss


def test_another_suffix_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="a.txt is not a name for an image: end it in .png"):
        write_image(np.zeros((2, 2, 3), np.uint8), tmp_path / "a.txt")


def test_pixels_follow_nvidias_rule_and_survive_the_way_through_a_tensor():
    x = torch.tensor([-2, -1, -0.5, 0, 0.5, 1, 2]).reshape(1, 1, 1, 7).expand(1, 3, 1, 7)
    assert to_uint8(x)[0, 0, :, 0].tolist() == [0, 0, 64, 128, 191, 255, 255]
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    assert to_tensor(every).dtype == torch.float32 and to_tensor(every).shape == (1, 3, 16, 16)
    assert np.array_equal(to_uint8(to_tensor(every)), every)


def test_a_sheet_has_a_cell_for_every_image():
    images = np.full((5, 8, 6, 3), 7, np.uint8)
    page = sheet(images, 3, scale=2)
    assert page.size == (3 * 14 + 2, 2 * 18 + 2)
    assert page.getpixel((2, 2)) == (7, 7, 7) and page.getpixel((page.width - 5, page.height - 5)) == WHITE
    assert sheet(images, 3, ["a very long caption"] * 5).height > sheet(images, 3).height


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_brings_the_same_corner_to_the_top_left(orientation: int, tmp_path: Path):
    upright = Image.new("RGB", (40, 20), WHITE)
    upright.paste(RED, (0, 0, 10, 10))
    undo = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90",
            7: "TRANSVERSE", 8: "ROTATE_270"}  # fmt: skip
    held = upright.transpose(Image.Transpose[undo[orientation]]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_image(saved(held, tmp_path / "a.png", exif=exif))
    assert image.size == (40, 20) and image.getpixel((3, 3)) == RED and image.getpixel((35, 15)) == WHITE


def test_colours_are_those_that_the_profile_means(tmp_path: Path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.new("RGB", (4, 4), (180, 90, 60))
    read = {
        name: read_image(saved(picture, tmp_path / f"{name}.png", icc_profile=profile)).getpixel((0, 0))
        for name, profile in (("srgb", srgb), ("lab", lab), ("broken", b"nonsense" * 40))
    }
    assert read["srgb"] == read["broken"] == (180, 90, 60)
    assert read["lab"] == (180, 90, 60), "a profile of another kind of image is ignored"


def test_heif_without_its_reader_is_refused_with_the_remedy(tmp_path: Path):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(ValueError, match="a.heic is"):
        read_image(tmp_path / "a.heic")


def odd_files() -> dict[str, bytes]:
    """More than three hundred files: cut short, altered, misnamed, tiny, long, and of every mode."""
    random = np.random.RandomState(0)
    picture = Image.effect_noise((48, 40), 60).convert("RGB")
    files: dict[str, bytes] = {}
    for suffix in ("png", "jpeg", "webp", "gif", "tiff", "bmp"):
        whole = io.BytesIO()
        picture.save(whole, suffix)
        good = whole.getvalue()
        for k, length in enumerate(random.randint(0, len(good), 36)):
            files[f"cut-{k}.{suffix}"] = good[:length]
        for k in range(14):
            altered = bytearray(good)
            for place in random.randint(0, min(len(good), 400), 6):
                altered[place] = random.randint(0, 256)
            files[f"altered-{k}.{suffix}"] = bytes(altered)
        files[f"misnamed-{suffix}.png"] = good
    for mode, suffix in (("CMYK", "jpeg"), ("L", "jpeg"), ("1", "png"), ("P", "png"), ("LA", "png"), ("I;16", "png")):
        for size in ((1, 1), (20_000, 2), (3, 7)):
            whole = io.BytesIO()
            Image.new(mode, size).save(whole, suffix)
            files[f"{mode.replace(';', '')}-{size[0]}.{suffix}"] = whole.getvalue()
    return files


def test_three_hundred_odd_files_are_read_or_refused_in_one_sentence(tmp_path: Path):
    files = odd_files()
    assert len(files) >= 300
    outcome = {"read": 0, "refused": 0}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        try:
            image = read_image(tmp_path / name)
            assert image.mode == "RGB" and min(image.size) >= 1, name
            outcome["read"] += 1
        except ValueError as error:
            assert name in str(error) and len(str(error)) < 400 and "\n" not in str(error), name
            outcome["refused"] += 1
    assert outcome["read"] >= 20 and outcome["refused"] >= 150, outcome
