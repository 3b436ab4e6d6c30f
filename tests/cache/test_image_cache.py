"""Decoded images that are kept: the same pixels, never stale, whoever dies."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmpretrain.datasets.transforms import RandomResizedCrop
from mmpretrain.engine.hooks import SwitchRecipeHook
from torch.utils.data import DataLoader, Dataset

from mmleaves.cache.image_cache import image_key, read_through
from mmleaves.cache.image_cache_folder import FULL, prepare
from mmleaves.cache.image_cache_settings import ImageCacheSettings
from mmleaves.cache.keep_decoded import enough, keep_decoded
from mmleaves.hooks.later_recipes import later_recipes
from mmleaves.transforms.load_image import LoadImage, read_image, shrunk


@pytest.fixture
def where(tmp_path):
    folder, limit_bytes = prepare(ImageCacheSettings(str(tmp_path / "kept"), 0.1))
    return {"folder": str(folder), "limit_bytes": limit_bytes}


@pytest.fixture
def photographs(real_data, tmp_path):
    folder = tmp_path / "holly"
    shutil.copytree(real_data / "leaf_uci_folders" / "7. Ilex aquifolium", folder)
    return sorted(folder.iterdir())


def must_not_read():
    raise AssertionError("decoded again")


def test_the_second_time_nothing_is_decoded_and_the_pixels_are_the_same(
    photographs, where
):
    for path in photographs:
        first = read_through(path, lambda p=path: read_image(p), seen_as="", **where)
        again = read_through(path, must_not_read, seen_as="", **where)
        np.testing.assert_array_equal(first, read_image(path))
        np.testing.assert_array_equal(again, first)
        again[:] = 0  # transforms draw on images
        unspoilt = read_through(path, must_not_read, seen_as="", **where)
        np.testing.assert_array_equal(unspoilt, first)


def test_a_file_with_other_bytes_is_read_anew_though_size_and_time_are_the_same(
    photographs, where
):
    one, other = photographs[:2]
    load = LoadImage(cache=where)
    before = load({"img_path": str(one)})["img"]
    times = one.stat()
    size = max(one.stat().st_size, other.stat().st_size)
    # Zeros at the end of a JPEG are not part of the image.
    one.write_bytes(other.read_bytes().ljust(size, b"\0"))
    os.utime(one, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = load({"img_path": str(one)})["img"]
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, read_image(other))


def test_what_is_made_of_a_file_is_kept_by_how_it_is_made(photographs, where):
    path = str(photographs[0])
    whole = LoadImage(cache=where)({"img_path": path})["img"]
    small = LoadImage(cache=where, enough=(10_000, 1))({"img_path": path})["img"]
    assert whole.shape[0] * whole.shape[1] > 10_000
    assert small.shape[0] * small.shape[1] == pytest.approx(10_000, rel=0.02)


class Images(Dataset):
    def __init__(self, paths, load):
        self.paths, self.load = paths, load

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.load({"img_path": str(self.paths[index])})["img"]


def test_workers_share_what_they_decode_with_their_parent(
    photographs, where, monkeypatch
):
    load = LoadImage(cache=where)
    # Open in the parent when the workers are forked.
    load({"img_path": str(photographs[0])})
    for _ in range(2):
        loader = DataLoader(Images(photographs, load), num_workers=2, batch_size=None)
        for path, image in zip(photographs, loader, strict=True):
            np.testing.assert_array_equal(image, read_image(path))
    monkeypatch.setattr(LoadImage, "_read", lambda *args: must_not_read())
    for path in photographs:
        load({"img_path": str(path)})


def test_a_folder_that_is_removed_during_a_run_ends_no_training(photographs, tmp_path):
    folder, limit_bytes = prepare(ImageCacheSettings(str(tmp_path / "small"), 1e-9))
    where = {"folder": str(folder), "limit_bytes": limit_bytes}
    image = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), np.uint8)
    for number in range(8):  # 3 MB each, of 17
        found = read_through(
            photographs[0], lambda: image, seen_as=str(number), **where
        )
        np.testing.assert_array_equal(found, image)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_pipeline_that_comes_later_keeps_images_too(tmp_path):
    init_default_scope("mmpretrain")
    pipeline = [{"type": "mmleaves.LoadImage"}, {"type": "PackInputs"}]
    schedule = [
        {"action_epoch": 2, "train_pipeline": pipeline},
        {"action_epoch": 3, "batch_augments": None},
    ]
    hook = SwitchRecipeHook(schedule)
    loader = {"dataset": {"type": "mmleaves.CaltechFolders", "pipeline": pipeline}}
    settings = ImageCacheSettings(str(tmp_path))
    folder = keep_decoded([loader], settings, later_recipes([hook]))
    assert pipeline[0]["cache"]["folder"] == str(folder)
    later = hook.schedule[2]["train_pipeline"].transforms[0]
    assert later.cache == pipeline[0]["cache"]


def test_over_the_limit_images_are_decoded_each_time(photographs, tmp_path):
    folder, limit_bytes = prepare(ImageCacheSettings(str(tmp_path / "small"), 1e-9))
    where = {"folder": str(folder), "limit_bytes": limit_bytes}
    image = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), np.uint8)
    for turn in range(2):
        for number in range(8):  # 3 MB each, of 17
            found = read_through(
                photographs[0], lambda: image, seen_as=str(number), **where
            )
            np.testing.assert_array_equal(found, image)
        size = sum(path.stat().st_size for path in folder.iterdir())
        assert 6e6 < size <= limit_bytes + 1e5, turn
    # For the run to tell of, until the next one looks for itself.
    assert (folder / FULL).exists()
    assert prepare(ImageCacheSettings(str(tmp_path / "small"), 1e-9))[0] == folder
    assert not (folder / FULL).exists()


WRITER = """
import sys
import numpy as np
from mmleaves.cache.image_cache import read_through
path, folder, limit_bytes = sys.argv[1:]
for number in range(1_000_000):
    image = np.full((300, 300, 3), number % 256, np.uint8)
    read_through(
        path, lambda: image, seen_as=str(number), folder=folder,
        limit_bytes=int(limit_bytes),
    )
    print(number, flush=True)
"""


def test_a_writer_that_is_killed_leaves_whole_images(photographs, where):
    """Three are killed while they write, and a fourth reads what they left."""
    reached = 0
    for least in (20, 60, 120):
        args = [photographs[0], where["folder"], where["limit_bytes"]]
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), *map(str, args)],
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            for line in writer.stdout:
                if int(line) >= least:
                    break
            os.kill(writer.pid, signal.SIGKILL)
        reached = least
    for number in range(reached + 1):
        image = read_through(
            photographs[0], must_not_read, seen_as=str(number), **where
        )
        assert image.shape == (300, 300, 3)
        assert (image == number % 256).all()


@pytest.mark.parametrize("shape", [(3000, 2000), (1000, 4000), (5000, 5000)])
@pytest.mark.parametrize("ranges", [{}, {"crop_ratio_range": (0.35, 1.0)}])
def test_no_crop_of_a_shrunk_image_is_enlarged(shape, ranges):
    step = dict(type="RandomResizedCrop", scale=224, **ranges)
    image = np.zeros((*shape, 3), np.uint8)
    image = shrunk(image, *enough([dict(type="mmleaves.LoadImage"), step]))
    assert image.shape[0] < shape[0]
    crop = RandomResizedCrop(224, **ranges)
    sides = [crop.rand_crop_params(image)[2:] for _ in range(3000)]
    # To a pixel, as both are rounded.
    assert min(map(min, sides)) >= 223
    # And no larger than it has to be: some crop needs all of it.
    assert min(map(min, sides)) < 260


def test_other_pipelines_keep_all_pixels():
    load = dict(type="mmleaves.LoadImage")
    assert enough([load, dict(type="ResizeEdge", scale=256)]) is None
    assert enough([load]) is None
    any_share = dict(type="RandomResizedCrop", scale=224, crop_ratio_range=(0, 1))
    assert enough([load, any_share]) is None


def test_earlier_starts_of_the_machine_are_swept_away(tmp_path, photographs):
    settings = ImageCacheSettings(str(tmp_path / "kept"), 0.1)
    folder, limit_bytes = prepare(settings)
    read_through(
        photographs[0],
        lambda: read_image(photographs[0]),
        seen_as="",
        folder=str(folder),
        limit_bytes=limit_bytes,
    )
    whose = folder.name[: len("decoded-01234567-")]
    earlier = folder.rename(folder.with_name(f"{whose}yesterday"))
    # Somebody's own data, and what another machine keeps on the same disk.
    others = [settings.root / name for name in ("train.lmdb", "decoded-00000000-now")]
    for other in others:
        shutil.copytree(earlier, other)
    prepare(settings)
    assert not earlier.exists()
    assert all((other / "data.mdb").is_file() for other in others)


@pytest.mark.parametrize("trick", ["link", "open"])
def test_a_temporary_folder_that_others_can_write_to_is_refused(
    tmp_path, monkeypatch, trick
):
    monkeypatch.delenv("MMLEAVES_CACHE", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first = tmp_path / f"mmleaves-{os.getuid()}"
    if trick == "link":
        (tmp_path / "elsewhere").mkdir()
        first.symlink_to(tmp_path / "elsewhere")
    else:
        first.mkdir()
        first.chmod(0o777)
    with pytest.raises(PermissionError, match=r"expected a folder of your own, as"):
        prepare(ImageCacheSettings())


def test_another_version_of_the_decoder_reads_anew(photographs, where, monkeypatch):
    load = LoadImage(cache=where)
    load({"img_path": str(photographs[0])})
    monkeypatch.setattr(LoadImage, "_read", lambda *args: must_not_read())
    load({"img_path": str(photographs[0])})
    monkeypatch.setattr(cv2, "__version__", "99.0")
    with pytest.raises(AssertionError, match="decoded again"):
        load({"img_path": str(photographs[0])})


def test_an_image_that_is_not_there_is_said_as_without_the_cache(where, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"there is no such file\. Check the data"
    ):
        LoadImage(cache=where)({"img_path": str(tmp_path / "none.jpg")})


def test_a_key_goes_by_the_whole_path(photographs, monkeypatch):
    monkeypatch.chdir(photographs[0].parent)
    assert image_key(photographs[0].name, "") == image_key(photographs[0], "")


def test_damaged_images_are_not_kept(where, tmp_path):
    path = tmp_path / "half.jpg"
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    whole = cv2.imencode(".jpg", image)[1].tobytes()
    path.write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        with pytest.raises(ValueError, match="damaged or truncated JPEG"):
            LoadImage(cache=where)({"img_path": str(path)})
