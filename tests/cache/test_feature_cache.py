"""Features of a few images: all there, within limits, whoever computes them."""

import os
from functools import partial

import numpy as np
import pytest
import torch
import torch.multiprocessing
from cache.few_images import cache, loader, mean, write_images
from mmcv.transforms import BaseTransform
from mmpretrain.registry import TRANSFORMS
from tool_runs import ROOT, check, run_python

from mmleaves.cache.frozen_trunk import Features


@pytest.fixture
def folder(tmp_path):
    write_images(tmp_path / "images")
    return tmp_path / "images"


def test_a_batch_has_the_features_and_labels_of_its_images(folder, tmp_path):
    plain = loader(folder)
    found = cache(tmp_path / "kept").loaders({"val": plain}, seed=0)["val"]
    images = [plain.dataset[i]["inputs"].float().mean() for i in range(8)]
    batches = [batch["inputs"].tensors[0] for batch in found]
    assert [len(batch) for batch in batches] == [4, 4]
    torch.testing.assert_close(torch.cat(batches)[:, 0], torch.stack(images))
    labels = [s.gt_label.item() for batch in found for s in batch["data_samples"]]
    assert labels == list(range(8))


# Eight features of 4 bytes in each part: 32 bytes, and 64 together.
@pytest.mark.parametrize(("limit_gb", "fits"), [(64e-9, True), (63e-9, False)])
def test_the_limit_is_on_both_parts_together(folder, tmp_path, limit_gb, fits):
    kept = cache(tmp_path / "kept", limit_gb=limit_gb)
    parts = {"train": loader(folder), "val": loader(folder)}
    if fits:
        kept.loaders(parts, seed=0)
        return
    with pytest.raises(ValueError, match=r"images of train: 8; images of val: 8"):
        kept.loaders(parts, seed=0)
    assert not list(tmp_path.glob("kept/*/*.safetensors"))


@TRANSFORMS.register_module()
class NextLabel(BaseTransform):
    def transform(self, results):
        # Of most images it leaves it as it is, of the first too.
        return results | {"gt_label": results["gt_label"] + (results["gt_label"] == 5)}


def test_a_pipeline_that_changes_labels_is_refused(folder, tmp_path):
    kept = cache(tmp_path / "kept", views=1)
    parts = {"train": loader(folder, {"type": "NextLabel"})}
    with pytest.raises(ValueError, match=r"label \[6\] of label \[5\] of image 5"):
        kept.loaders(parts, seed=0)


def test_views_leave_chance_as_it_was(folder, tmp_path):
    crop = {"type": "RandomResizedCrop", "scale": 4}
    drawn = []
    for _ in range(2):  # the second time all is there
        np.random.seed(0)
        torch.manual_seed(0)
        kept = cache(tmp_path / "kept", views=3)
        kept.loaders({"train": loader(folder, crop)}, seed=0)
        drawn.append((np.random.rand(), torch.rand(1).item()))
    np.random.seed(0)
    torch.manual_seed(0)
    assert drawn == [(np.random.rand(), torch.rand(1).item())] * 2


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture
def forks():
    before = torch.multiprocessing.get_start_method(allow_none=True)
    torch.multiprocessing.set_start_method("fork", force=True)
    yield
    torch.multiprocessing.set_start_method(before, force=True)


@pytest.mark.usefixtures("forks")
@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("on_cpu", [False, True])
def test_workers_that_read_images_compute_their_features_on_a_cpu(
    folder, tmp_path, workers, on_cpu, threads
):
    images, asked = loader(folder), []

    def where(images):
        asked.append(len(images))  # in this process alone
        process = torch.full((len(images), 1), os.getpid())
        return Features([process, *mean(images).tensors], tuple(images.shape[1:]))

    kept = cache(tmp_path / "kept", compute=where, on_cpu=on_cpu)
    loaders = {"val": loader(folder, num_workers=workers)}
    (found,) = kept.loaders(loaders, seed=0).values()
    process, means = (
        torch.cat(parts)[:, 0]
        for parts in zip(*[batch["inputs"].tensors for batch in found], strict=True)
    )
    expected = [images.dataset[i]["inputs"].float().mean() for i in range(8)]
    torch.testing.assert_close(means, torch.stack(expected))
    # The first image is looked at to see how large they are.
    if on_cpu and workers >= threads:
        assert asked == [1]
        assert os.getpid() not in process
    else:
        assert asked == [1, 4, 4]
        assert set(process.tolist()) == {os.getpid()}


MANY = """
import resource
import sys
from pathlib import Path

import torch
import torch.multiprocessing

sys.path.insert(0, sys.argv[1])
from cache.few_images import cache, loader

from mmleaves.cache.frozen_trunk import Features

def four_of_a_large_one(images):
    # As the class token of a tensor of all tokens is: 1 kB of 64 kB.
    whole = torch.ones(len(images), 64, 256)
    return Features([whole[:, i] for i in range(4)], tuple(images.shape[1:]))

torch.set_num_threads(1)
torch.multiprocessing.set_start_method("fork")
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
kept = cache(sys.argv[3], compute=four_of_a_large_one, on_cpu=True, views=40)
crop = {"type": "RandomResizedCrop", "scale": 4}
images = loader(Path(sys.argv[2]), crop, num_workers=1, batch_size=1)
(found,) = kept.loaders({"train": images}, seed=0).values()
print(sum(len(batch["inputs"].tensors[3]) for batch in found))
rows = kept._rows(torch.ones(2, 3, 4, 4))
print({row.untyped_storage().nbytes() for row in rows})
"""


def test_what_workers_send_is_let_go_of(folder, tmp_path):
    """320 rows of four tensors, by a process that may open 64 files."""
    places = [ROOT / "tests", folder, tmp_path / "kept"]
    done = run_python("-c", MANY, *places, cwd=tmp_path)
    assert check(done).stdout.splitlines()[-2:] == ["8", "{2048}"]


PROCESS = """
import os
import sys
import time
from pathlib import Path

from torch.distributed import barrier, init_process_group

sys.path.insert(0, sys.argv[1])
from cache.few_images import cache, loader

init_process_group("gloo")
folder = Path(sys.argv[2])
kept = cache(folder / "kept")
barrier()
if os.environ["RANK"] == "1":
    # The other has written by then what it found missing.
    time.sleep(5)
found = kept.loaders({"val": loader(folder / "images")}, seed=0)["val"]
images = sum(len(batch["data_samples"]) for batch in found)
# In one piece, as the other process writes to the same output.
sys.stdout.write(f"{images} of rank {os.environ['RANK']}\\n")
"""


def test_two_processes_leave_nothing_out_when_one_looks_later(folder, tmp_path):
    script = tmp_path / "process.py"
    script.write_text(PROCESS)
    done = check(
        run_python(
            *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2),
            *(script, ROOT / "tests", tmp_path),
        )
    )
    assert "8 of rank 0" in done.stdout
    assert "8 of rank 1" in done.stdout
    # Each has written a file.
    assert len(list(tmp_path.glob("kept/*/*.safetensors"))) == 2


@TRANSFORMS.register_module()
class SoftLabel(BaseTransform):
    def transform(self, results):
        return results | {"gt_score": np.full(8, 1 / 8, np.float32)}


def test_soft_labels_and_batches_put_together_otherwise_are_refused(folder, tmp_path):
    kept = cache(tmp_path / "kept", views=1)
    parts = {"train": loader(folder, {"type": "SoftLabel"})}
    with pytest.raises(ValueError, match="makes 'gt_score' of image 0, as of soft lab"):
        kept.loaders(parts, seed=0)
    mixing = loader(folder)
    mixing.collate_fn = partial(lambda batch, by: batch, by=2)
    with pytest.raises(ValueError, match=r"train_dataloader\.collate_fn is <lambda>"):
        kept.loaders({"train": mixing}, seed=0)
