"""Real trainings on features that are kept: the same as without, and computed once."""

import csv
import re
import shutil

import pytest
import torch
from tool_runs import ROOT, check, run_tool

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"
FIXED = f"""
_base_ = ["{ROOT / "configs" / CONFIG}.py"]
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type="mmleaves.LoadImage"),
            dict(type="Resize", scale=(64, 64)),
            dict(type="PackInputs"),
        ]
    )
)
"""


@pytest.fixture
def leaves(real_data, tmp_path):
    folder = tmp_path / "leaves"
    for species in ("7. Ilex aquifolium", "9. Betula pubescens"):
        shutil.copytree(real_data / "leaf_uci_folders" / species, folder / species)
    return folder


@pytest.fixture
def fixed(tmp_path):
    """Config whose training images are the same in each epoch."""
    path = tmp_path / "fixed.py"
    path.write_text(FIXED)
    return path


def train(leaves, name, *settings, config=CONFIG, epochs=3, pretrained=False):
    folder = leaves.parent
    return run_tool(
        *("train", config, "--work-dir", folder / name),
        *([] if pretrained else ["--no-pretrained"]),
        "--cfg-options",
        f"dataset.data_root={leaves}",
        "train_dataloader.batch_size=3",
        "train_dataloader.num_workers=0",
        "val_dataloader.num_workers=0",
        f"train_cfg.max_epochs={epochs}",
        "optim_wrapper.optimizer.lr=0.01",
        *settings,
        env={"MMLEAVES_CACHE": str(folder / "cache")},
    )


def metrics(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return [
            {key: float(value) for key, value in row.items()}
            for row in csv.DictReader(file)
        ]


def found(done):
    """Return how many rows of how many were in the cache: of training, validation."""
    rows = re.findall(r"of which (\d+) of (\d+) rows are in", check(done).stdout)
    return [tuple(map(int, of_part)) for of_part in rows]


@pytest.mark.parametrize("policy", ["classifier", "last:2"])
def test_training_on_features_equals_training_on_images(leaves, fixed, policy):
    setting = f"trainable={policy}"
    check(train(leaves, "images", setting, config=fixed))
    done = train(leaves, "features", setting, "feature_cache.views=1", config=fixed)
    assert found(done) == [(0, 8), (0, 2)]
    images, features = (metrics(leaves.parent / n) for n in ("images", "features"))
    assert len(images) == 3
    for of_images, of_features in zip(images, features, strict=True):
        assert of_features == pytest.approx(of_images, rel=1e-5)
    before, after = (
        torch.load(leaves.parent / n / "epoch_3.pth", weights_only=True)["state_dict"]
        for n in ("images", "features")
    )
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor, rtol=1e-4, atol=1e-5)


def test_a_view_is_computed_once_for_all_runs_and_again_when_anything_changes(
    leaves, mobilenet_weights
):
    views = "feature_cache.views=2"
    scale = "train_dataloader.dataset.pipeline.1.scale=64"
    done = train(leaves, "first", views, scale, pretrained=True)
    assert found(done) == [(0, 16), (0, 2)]
    # Another seed, another rate, another head: the same views.
    others = ["randomness.seed=1", "optim_wrapper.optimizer.lr=0.1"]
    loss = ["type=LabelSmoothLoss", "label_smooth_val=0.1"]
    others += [f"model.head.loss.{setting}" for setting in loss]
    done = train(leaves, "second", views, scale, *others, pretrained=True)
    assert found(done) == [(16, 16), (2, 2)]
    # A third view of each image.
    third = ["feature_cache.views=3", scale]
    done = train(leaves, "third", *third, epochs=4, pretrained=True)
    assert found(done)[0] == (16, 24)
    # Other pixels.
    larger = scale.replace("64", "96")
    done = train(leaves, "fourth", views, larger, pretrained=True)
    assert found(done) == [(0, 16), (2, 2)]
    # Another neck without weights: as wide, and at the same place.
    neck = ["model.neck.type=GeneralizedMeanPooling", "model.neck.p=2.0"]
    neck.append("model.neck.p_trainable=False")
    done = train(leaves, "neck", views, scale, *neck, pretrained=True)
    assert found(done) == [(0, 16), (0, 2)]
    # Other weights.
    assert found(train(leaves, "fifth", views, scale)) == [(0, 16), (0, 2)]
    # Files with other bytes, under their old names and of their old sizes.
    for path in (leaves / "7. Ilex aquifolium").iterdir():
        data = bytearray(path.read_bytes())
        data[17] ^= 2  # pixels an inch, which change no pixel
        path.write_bytes(data)
    done = train(leaves, "sixth", views, scale, pretrained=True)
    assert found(done) == [(8, 16), (1, 2)]


@pytest.mark.parametrize("policy", ["classifier", "[all,classifier@1]"])
def test_a_run_that_is_resumed_near_its_end_goes_on_with_the_same_views(
    leaves, mobilenet_weights, policy
):
    settings = [f"trainable={policy}", "feature_cache.views=2"]
    check(train(leaves, "whole", *settings, epochs=4, pretrained=True))
    whole, broken = leaves.parent / "whole", leaves.parent / "broken"
    shutil.copytree(whole, broken)
    for path in broken.glob("*epoch_4.pth"):
        path.unlink()
    done = train(leaves, "broken", *settings, "--resume", epochs=4, pretrained=True)
    assert found(done) == [(16, 16), (2, 2)]
    expected, after = (
        torch.load(folder / "epoch_4.pth", weights_only=True)["state_dict"]
        for folder in (whole, broken)
    )
    assert all(torch.equal(after[name], expected[name]) for name in expected)


def test_random_training_images_need_a_number_of_views(leaves):
    done = train(leaves, "run", "feature_cache.memory_gb=1")
    assert done.returncode == 2
    assert (
        "feature_cache keeps what is the same in each epoch, and the "
        "pipeline of train draws anew each time: RandomResizedCrop, RandomFlip. Set "
        "feature_cache.views to a number"
    ) in done.stderr


def test_images_that_another_recipe_brings_later_are_refused(leaves, fixed):
    fixed.write_text(
        FIXED
        + """
custom_hooks = [
    dict(
        type="SwitchRecipeHook",
        schedule=[dict(action_epoch=2, train_pipeline=[dict(type="PackInputs")])],
    )
]
"""
    )
    done = train(leaves, "run", "feature_cache.views=1", config=fixed)
    assert done.returncode == 2
    assert "SwitchRecipeHook makes other images from some epoch on" in done.stderr


def test_an_image_that_cannot_be_read_is_said_as_without_the_cache(leaves):
    for path in leaves.glob("*/*"):
        data = bytearray(path.read_bytes())
        data[20] ^= 1  # the mark of what comes after the header
        path.write_bytes(data)
    done = train(leaves, "run", "feature_cache.views=1")
    assert done.returncode == 2
    assert "Error: " + str(leaves) in done.stderr
    assert "found a damaged or truncated JPEG" in done.stderr


def test_what_would_take_too_much_is_refused_before_it_begins(leaves):
    settings = ["feature_cache.views=2", "feature_cache.limit_gb=1e-6"]
    done = train(leaves, "run", *settings)
    assert done.returncode == 2
    # 10 images of 1280 numbers of 2 bytes, or of 4 without bfloat16.
    assert re.search(
        r"The features \(images of train: 8, 2 views of each; images of val: 2\) take "
        r"(4.6|9.2)e-05 GB, over the limit of feature_cache.limit_gb=1e-06. Raise it, "
        "or: Take fewer",
        done.stderr,
    )


def test_features_are_kept_while_the_trunk_is_frozen_and_then_no_more(leaves):
    policy = "trainable=[classifier,all@2]"
    done = train(leaves, "run", policy, "feature_cache.views=1", epochs=3)
    # Two epochs on features of two views would not pay: they are for one.
    assert found(done) == [(0, 8), (0, 2)]
    assert "From epoch 3 on, 2," in done.stdout
    assert len(metrics(leaves.parent / "run")) == 3


def test_a_later_step_whose_features_are_too_large_trains_on_images(leaves):
    policy = "trainable=[classifier,last:1@2]"
    # 10 images of 1280 numbers, and then of 160 x 7 x 7, of 2 or of 4 bytes.
    settings = [policy, "feature_cache.views=1", "feature_cache.limit_gb=1e-4"]
    done = train(leaves, "run", *settings, epochs=4)
    assert found(done) == [(0, 8), (0, 2)]
    assert (
        "This step trains on images: The features (images of train: 8;" in done.stdout
    )
    assert len(metrics(leaves.parent / "run")) == 4


def test_pictures_of_a_validation_and_features_do_not_go_together(leaves):
    shown = "default_hooks.visualization.enable=True"
    done = train(leaves, "run", shown, "feature_cache.views=1")
    assert done.returncode == 2
    assert "default_hooks.visualization draws the images" in done.stderr


AVERAGED = f"""
_base_ = ["{ROOT / "configs" / CONFIG}.py"]
custom_hooks = [dict(type="EMAHook", momentum=0.5)]
"""


def test_what_was_averaged_before_it_was_frozen_is_cut_off_too(leaves, tmp_path):
    config = tmp_path / "averaged.py"
    config.write_text(AVERAGED)
    policy = "trainable=[all,classifier@1]"
    done = train(leaves, "run", policy, "feature_cache.views=1", config=config)
    assert found(done) == [(0, 8), (0, 2)]


def test_images_that_come_twice_an_epoch_are_computed_once(leaves, tmp_path):
    config = tmp_path / "repeated.py"
    config.write_text(f"""
_base_ = ["{ROOT / "configs" / CONFIG}.py"]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="RepeatDataset",
        times=2,
        dataset=dict(part="train", pipeline={{{{_base_.train_pipeline}}}}),
    )
)
""")
    done = train(leaves, "run", "feature_cache.views=1", config=config)
    assert found(done) == [(0, 8), (0, 2)]


def test_one_image_alone_and_images_of_any_size_are_predicted(leaves, tmp_path):
    check(train(leaves, "run", epochs=1))
    image = min((leaves / "7. Ilex aquifolium").iterdir())
    config = tmp_path / "whole.py"
    config.write_text(f"""
_base_ = ["{ROOT / "configs" / CONFIG}.py"]
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    dataset=dict(
        pipeline=[
            dict(type="mmleaves.LoadImage"),
            dict(type="ResizeEdge", scale=64, edge="short"),
            dict(type="PackInputs"),
        ]
    ),
)
""")
    for images, count in ((image, 1), (image.parent, 6)):
        done = run_tool(
            *("predict", config, leaves.parent / "run" / "epoch_1.pth", images),
            *("--out", tmp_path / "table.csv"),
        )
        assert f"{count} predictions" in check(done).stdout
