import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mmleaves.transforms import LoadImage
from mmleaves.transforms.load_image import read_image


@pytest.fixture
def leaf(real_data):
    return Image.open(real_data / "leaves/images/0.jpg").convert("RGB")


def saved(path, img, **options):
    img.save(path, **options)
    return path


def bgr(img):
    return np.asarray(ImageOps.exif_transpose(img).convert("RGB"))[..., ::-1]


def largest_difference(ours, reference):
    assert ours.dtype == np.uint8
    assert ours.shape == reference.shape
    return int(np.abs(ours.astype(int) - reference).max())


def png_header(width, height):
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + ihdr + struct.pack(">I", zlib.crc32(ihdr))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IEND\xaeB`\x82"


def test_keys_shapes_and_type_are_those_of_mmcv(real_data):
    path = str(next((real_data / "leaf_uci_folders").glob("*/*.JPG")))
    results = LoadImage()({"img_path": path, "gt_label": 3})
    assert results["img"].shape == (960, 720, 3)
    assert results["img"].dtype == np.uint8
    assert results["img_shape"] == results["ori_shape"] == (960, 720)
    assert results["gt_label"] == 3


@pytest.mark.parametrize("folder", ["leaf_uci_folders", "cub200_2010/images"])
def test_real_photographs_are_what_pillow_reads(real_data, folder):
    paths = sorted(p for p in (real_data / folder).rglob("*") if p.is_file())
    assert len(paths) >= 36
    for path in paths:
        assert largest_difference(read_image(path), bgr(Image.open(path))) <= 2, path


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "LA", "RGBA"])
def test_every_colour_mode_of_a_png_is_what_pillow_reads(leaf, tmp_path, mode):
    path = saved(tmp_path / "leaf.png", leaf.convert(mode))
    assert largest_difference(read_image(path), bgr(Image.open(path))) == 0


@pytest.mark.parametrize(("mode", "suffix"), [("L", ".jpg"), ("RGB", ".tif")])
def test_other_formats_are_what_pillow_reads(leaf, tmp_path, mode, suffix):
    path = saved(tmp_path / f"leaf{suffix}", leaf.convert(mode))
    assert largest_difference(read_image(path), bgr(Image.open(path))) == 0


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_is_what_pillow_converts_it_to(leaf, tmp_path, suffix):
    path = saved(tmp_path / f"leaf{suffix}", leaf.convert("CMYK"))
    assert largest_difference(read_image(path), bgr(Image.open(path))) <= 1


def test_a_transparent_palette_png_keeps_its_colours(leaf, tmp_path):
    path = saved(tmp_path / "leaf.png", leaf.quantize(64), transparency=3)
    assert largest_difference(read_image(path), bgr(leaf.quantize(64))) == 0


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_scaled_to_8_and_not_clipped(leaf, tmp_path, suffix, channels):
    # 0 to 65535 in steps that don't divide evenly, in the leaf's own shapes.
    deep = np.asarray(leaf)[..., :channels].astype(np.uint16) * 256 + 173
    cv2.imwrite(str(tmp_path / f"deep{suffix}"), deep.squeeze())
    img = read_image(tmp_path / f"deep{suffix}")
    assert largest_difference(img, np.broadcast_to(deep >> 8, img.shape)) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_an_exif_orientation_is_applied(leaf, tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x112] = orientation
    path = saved(tmp_path / f"a{suffix}", leaf.crop((0, 0, 200, 150)), exif=exif)
    assert largest_difference(read_image(path), bgr(Image.open(path))) == 0


def test_a_name_with_chinese_spaces_and_dots_is_found(leaf, tmp_path):
    path = saved(tmp_path / "2. 柳树 leaf.v1.PNG", leaf)
    assert largest_difference(read_image(path), bgr(leaf)) == 0


def test_bytes_after_the_end_do_no_harm(leaf, tmp_path):
    path = saved(tmp_path / "leaf.jpg", leaf)
    whole = read_image(path)
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    assert largest_difference(read_image(path), whole) == 0


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_a_truncated_file_is_refused(leaf, tmp_path, kind, kept):
    buffer = io.BytesIO()
    leaf.save(buffer, kind)
    path = tmp_path / "leaf.jpg"
    path.write_bytes(buffer.getvalue()[: int(len(buffer.getvalue()) * kept)])
    with pytest.raises(
        ValueError, match=r"leaf\.jpg: found .*, expected a whole image"
    ):
        read_image(path)


def test_a_truncated_progressive_jpeg_is_refused(leaf, tmp_path):
    path = saved(tmp_path / "leaf.jpg", leaf, progressive=True)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(
        ValueError, match=r"damaged or truncated JPEG .*Copy or download"
    ):
        read_image(path)


def test_a_jpeg_whose_second_half_is_zeros_is_refused(leaf, tmp_path):
    path = saved(tmp_path / "leaf.jpg", leaf)
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + bytes(len(data) - half))
    with pytest.raises(ValueError, match="damaged or truncated JPEG"):
        read_image(path)


def test_a_png_with_changed_bytes_is_refused(leaf, tmp_path):
    path = saved(tmp_path / "leaf.png", leaf)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)
    with pytest.raises(
        ValueError, match=r"leaf\.png: found a damaged or truncated PNG"
    ):
        read_image(path)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "0.jpg").touch()
    with pytest.raises(ValueError, match=r"0\.jpg: found 0 bytes, expected an image"):
        read_image(tmp_path / "0.jpg")


def test_a_file_that_is_no_image_is_refused_with_its_first_bytes(tmp_path):
    (tmp_path / "0.jpg").write_text("<html>404 not found</html>")
    with pytest.raises(ValueError, match=r"0\.jpg: found 26 bytes .*b'<html>404 no'"):
        read_image(tmp_path / "0.jpg")


def test_a_missing_file_is_named_with_what_to_check(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"0\.jpg: there is no such file\. Che"):
        LoadImage()({"img_path": str(tmp_path / "0.jpg")})


def test_float_pixels_are_refused(tmp_path):
    path = tmp_path / "a.tiff"
    Image.fromarray(np.full((20, 20), 0.5, np.float32)).save(path)
    with pytest.raises(ValueError, match=r"a\.tiff: found a TIFF .* of 8 or 16 bits a"):
        read_image(path)


def test_a_png_without_its_last_chunk_is_refused(leaf, tmp_path):
    path = saved(tmp_path / "leaf.png", leaf)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(ValueError, match=r"leaf\.png: .* breaks off before its end"):
        read_image(path)


def test_a_chunk_longer_than_its_png_is_refused_before_memory_is_taken_for_it(
    leaf, tmp_path
):
    path = saved(tmp_path / "leaf.png", leaf)
    data = bytearray(path.read_bytes())
    # Behind the pixels, where Pillow does not look any more.
    chunk = (1 << 29).to_bytes(4, "big") + b"teXt"
    path.write_bytes(data[:-12] + chunk + data[-12:])
    with pytest.raises(ValueError, match=r"leaf\.png: .* breaks off before its end"):
        read_image(path)


def test_a_jpeg_that_lacks_its_end_marker_alone_is_refused_as_before_a_run(
    leaf, tmp_path
):
    path = saved(tmp_path / "leaf.jpg", leaf)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(ValueError, match="damaged or truncated JPEG"):
        read_image(path)


def test_a_header_over_the_limit_is_refused_before_decoding(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(9000, 9000))
    with pytest.raises(
        ValueError, match="announces 9000x9000 pixels, expected at most"
    ):
        read_image(path)
    # With a higher limit it is decoded, and found to hold no pixels.
    with pytest.raises(ValueError, match="damaged or truncated PNG"):
        read_image(path, max_megapixels=81)


def test_a_header_over_pillows_own_limit_is_refused(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(60000, 60000))
    with pytest.raises(ValueError, match="over 179 megapixels, expected at most 64"):
        read_image(path)


def test_the_limit_can_be_set_in_the_config(leaf, tmp_path):
    path = str(saved(tmp_path / "leaf.png", leaf))
    with pytest.raises(ValueError, match=r"224x224 pixels, expected at most 0\.05"):
        LoadImage(max_megapixels=0.05)({"img_path": path})


def test_an_image_without_a_path_is_passed_on():
    results = {"img": np.zeros((2, 3, 3), np.uint8), "img_shape": (2, 3)}
    assert LoadImage()(results) is results
