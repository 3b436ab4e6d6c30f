"""What stops a run before its first epoch, and what it says."""

import shutil

import pytest
from PIL import Image
from tool_runs import ROOT, run_tool

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"


def refusal(*args, env=None, tool="train", cwd=ROOT):
    """Return what a tool says when it refuses, and make sure that it does so well."""
    done = run_tool(tool, *args, env=env, cwd=cwd)
    assert done.returncode == 2, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    assert "\nError: " in done.stderr
    return done.stderr


@pytest.fixture
def leaves(real_data, tmp_path):
    """Six folders of six photographs, to be spoilt."""
    return shutil.copytree(real_data / "leaf_uci_folders", tmp_path / "leaves")


def train(leaves, tmp_path, *options):
    root = f"dataset.data_root={leaves}"
    work = ["--work-dir", tmp_path / "run", "--no-pretrained"]
    return [CONFIG, *work, "--cfg-options", root, *options]


def test_missing_data_says_how_to_get_them_and_how_to_draw_a_stand_in(tmp_path):
    # Where no data lie, as they may below the checkout.
    name = "resnet50_frozen2_b64_caltech"
    said = refusal(name, "--work-dir", tmp_path, cwd=tmp_path)
    assert "data/101_ObjectCategories" in said
    assert "https://data.caltech.edu/records/" in said
    assert "make_sample.py --layout caltech" in said


def test_missing_weights_say_which_file_where_it_goes_and_how_to_do_without(
    leaves, tmp_path
):
    settings = [
        f"dataset.data_root={leaves}",
        # A host that never answers, so that no network is needed to have none.
        "model.backbone.init_cfg.checkpoint=http://127.0.0.1:9/resnet50-0676ba61.pth",
        "dataset.train_per_class=4",
        "dataset.val_per_class=1",
    ]
    said = refusal(
        *("resnet50_frozen2_b64_caltech", "--work-dir", tmp_path / "run"),
        *("--cfg-options", *settings),
        env={"TORCH_HOME": str(tmp_path)},
    )
    assert "resnet50-0676ba61.pth are not on this machine" in said
    assert str(tmp_path / "hub" / "checkpoints") in said
    assert "--no-pretrained" in said


def test_damaged_images_are_all_named_before_the_first_epoch(leaves, tmp_path):
    first, second = sorted(leaves.glob("3. Populus nigra/*"))[:2]
    first.write_bytes(first.read_bytes()[:-5000])
    second.write_bytes(b"")
    said = refusal(*train(leaves, tmp_path, "dataset.train_fraction=0.8"))
    assert "2 of 36 image files cannot be used" in said
    assert f"{first}: found a JPEG file that breaks off" in said
    assert f"{second}: found an empty file (0 bytes)" in said
    assert not list((tmp_path / "run").glob("*.pth"))


def test_an_image_damaged_inside_is_named_when_it_is_decoded(leaves, tmp_path):
    """Its header and its end are whole, so that only decoding can find it."""
    for path in leaves.glob("*/*"):
        Image.open(path).resize((90, 120)).save(path.with_suffix(".png"))
        path.unlink()
        data = bytearray(path.with_suffix(".png").read_bytes())
        data[len(data) // 2 : len(data) // 2 + 50] = bytes(50)
        path.with_suffix(".png").write_bytes(data)
    said = refusal(*train(leaves, tmp_path))
    assert "found a damaged or truncated PNG" in said
    assert str(leaves) in said


def test_an_image_in_both_parts_is_refused(leaves, tmp_path):
    part = "val_dataloader.dataset.part=train"
    said = refusal(*train(leaves, tmp_path, part))
    assert "images in the validation part are trained on too" in said


def test_a_classifier_of_another_size_is_refused(leaves, tmp_path):
    said = refusal(*train(leaves, tmp_path, "model.head.num_classes=101"))
    assert "The model tells 101 classes apart, the data have 6" in said
    assert "Leave `model.head.num_classes` out of the config" in said


def test_class_weights_for_other_classes_are_refused(leaves, tmp_path):
    weights = "model.head.loss.class_weight=1,2"
    said = refusal(
        *train(leaves, tmp_path, "model.head.loss.type=CrossEntropyLoss", weights)
    )
    assert "The loss has 2 class weights for 6 classes" in said


def test_a_learning_rate_for_no_known_batch_is_not_scaled(leaves, tmp_path):
    config = tmp_path / "own.py"
    base = ROOT / "configs" / f"{CONFIG}.py"
    config.write_text(f'_base_ = ["{base}"]\nauto_scale_lr = dict(_delete_=True)\n')
    said = refusal(config, "--auto-scale-lr", "--work-dir", tmp_path / "run")
    assert "does not say which batch size its learning rate is for" in said


def test_a_checkpoint_without_class_names_cannot_predict(leaves, tmp_path):
    import torch

    torch.save({"state_dict": {}}, tmp_path / "foreign.pth")
    said = refusal(CONFIG, tmp_path / "foreign.pth", leaves, tool="predict")
    assert "foreign.pth does not name the classes it was trained on" in said
