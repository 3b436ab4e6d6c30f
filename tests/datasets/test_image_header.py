import shutil

import pytest
from PIL import Image

from mmleaves.datasets.image_header import check_headers, damage_report


@pytest.fixture
def jpeg(leaf_images) -> bytes:
    return leaf_images[0].read_bytes()


@pytest.fixture
def png(real_data) -> bytes:
    return (real_data / "busi/test/benign/benign (107).png").read_bytes()


def test_every_image_of_caltech_passes(unpacked_data):
    folder = unpacked_data / "101_ObjectCategories"
    paths = [str(path) for path in folder.glob("*/*.jpg")]
    assert len(paths) > 5000
    assert check_headers(paths) == []


def test_every_kind_of_real_image_passes(real_data):
    images = [p for p in real_data.rglob("*") if p.suffix.lower() in {".jpg", ".png"}]
    assert check_headers([str(path) for path in images]) == []


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda jpeg: b"", r"found an empty file (0 bytes), expected an image"),
        (lambda jpeg: b"<!DOCTYPE html>" + jpeg, r"damaged header (it begins b'<!DOCT"),
        (lambda jpeg: jpeg[:60], "found no image, or one with a damaged header"),
        (lambda jpeg: bytes(len(jpeg)), "found no image, or one with a damaged header"),
        (
            lambda jpeg: jpeg[: len(jpeg) // 2],
            "found a JPEG file that breaks off before its end marker",
        ),
        (lambda jpeg: jpeg[:-2], "found a JPEG file that breaks off"),
    ],
    ids=["empty", "html", "header cut", "zeros", "half", "end cut"],
)
def test_a_damaged_jpeg_is_named_with_what_was_found(tmp_path, jpeg, damage, found):
    path = tmp_path / "a.jpg"
    path.write_bytes(damage(jpeg))
    [problem] = check_headers([str(path)])
    assert problem.startswith(f"{path}: ") and found in problem


def test_a_png_that_breaks_off_is_named(tmp_path, png):
    path = tmp_path / "a.png"
    path.write_bytes(png[:-8])
    [problem] = check_headers([str(path)])
    assert "a.png: found a PNG file that breaks off before its end marker" in problem


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    missing, folder = check_headers([str(tmp_path / "no.jpg"), str(tmp_path)])
    assert "no.jpg: found no such file or directory, expected an image file" in missing
    assert "found a pipe, device or folder, expected a file" in folder


def test_data_behind_the_end_is_no_damage(tmp_path, jpeg, png):
    for name, data in (("a.jpg", jpeg), ("a.png", png)):
        (tmp_path / name).write_bytes(data + b"SEFT" * 100)
    assert check_headers([str(tmp_path / "a.jpg"), str(tmp_path / "a.png")]) == []


def test_the_end_marker_of_a_thumbnail_does_not_hide_a_cut(tmp_path, jpeg):
    thumbnail = b"Exif\0\0" + jpeg[:500] + b"\xff\xd9"
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg[:2] + segment + jpeg[2:-2])
    [problem] = check_headers([str(path)])
    assert "breaks off before its end marker" in problem


@pytest.mark.parametrize("side", [8001, 20000])
def test_an_image_of_too_many_pixels_is_named(tmp_path, side):
    path = tmp_path / "big.png"
    Image.new("1", (side, side)).save(path)
    [problem] = check_headers([str(path)])
    assert "big.png: found " in problem and "64 million" in problem
    assert side > 8001 or check_headers([str(path)], max_megapixels=65) == []


def test_a_file_is_looked_at_once_and_problems_keep_the_order(tmp_path, jpeg):
    paths = [str(tmp_path / name) for name in ("c.jpg", "a.jpg", "b.jpg", "c.jpg")]
    (tmp_path / "a.jpg").write_bytes(jpeg)
    found = [problem.split(":")[0] for problem in check_headers(paths)]
    assert found == [paths[0], paths[2]]


def test_a_damage_report_names_the_first_and_counts_the_rest():
    report = damage_report(
        [f"{n}.jpg: found no such file" for n in range(12)], 20, shown=10
    )
    assert report.startswith("12 of 20 image files cannot be used. Get them again")
    assert "9.jpg" in report and "10.jpg" not in report
    assert report.endswith("and 2 more")


def test_images_of_other_formats_pass(tmp_path, leaf_images):
    image = Image.open(leaf_images[0])
    paths = [str(tmp_path / f"a.{kind}") for kind in ("bmp", "tif", "webp", "ppm")]
    for path in paths:
        image.save(path)
    shutil.copy(leaf_images[0], tmp_path / "a.jfif")
    assert check_headers([*paths, str(tmp_path / "a.jfif")]) == []
