"""Data as they come: damaged, oddly named, too few, or no numbers at all.

Real files and real processes. What is refused is refused before the first epoch, with
everything that is wrong; what is accepted gives the same as plain files do.
"""

import csv
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from input_runs import CONFIG, class_folders, drawn, refused, train
from PIL import Image
from tool_runs import ROOT, check, run_tool

from mmleaves.evidence.predictions import read_predictions
from mmleaves.names_as_text import from_text

HALVES = ("dataset.train_fraction=0.5", "dataset.val_fraction=0.25")


def damage(folder):
    """Put four files that cannot be used among `folder`'s, and six that are unusual."""
    picture = Image.open(drawn(folder / "picture.png", 3))
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG")
    png = (folder / "picture.png").read_bytes()
    changed = bytearray(png)
    changed[len(png) // 2] ^= 255
    bad = {
        "cut.jpg": jpeg.getvalue()[: len(jpeg.getvalue()) // 2],
        "empty.png": b"",
        "page.jpg": b"<html>404</html>",
        "changed.png": bytes(changed),
    }
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    (folder / "picture.png").unlink()
    (folder / "jpeg.png").write_bytes(jpeg.getvalue())
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    picture.convert("P").save(folder / "palette.png")
    picture.convert("RGBA").save(folder / "alpha.png")
    turned = Image.Exif()
    turned[0x112] = 6
    picture.save(folder / "turned.jpg", exif=turned)
    Image.fromarray(np.full((40, 48), 40_000, np.uint16)).save(folder / "deep.png")
    return {f"{folder.name}/{name}" for name in bad}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Class folders, and a checkpoint that was trained on them."""
    folder = tmp_path_factory.mktemp("plain")
    class_folders(folder / "data")
    check(train(folder / "data", folder / "run", *HALVES))
    return folder


def test_all_damaged_images_are_told_at_once_and_dropped_only_if_asked(tmp_path, plain):
    data = class_folders(tmp_path / "data", images=6)
    bad = damage(data / "acer")

    def named(text):
        return {name for name in bad if f"{name}" in text}

    done = run_tool("check_data", data, "--no-cache", "--shown", 1)
    assert done.returncode == 1 and named(done.stdout) == bad
    assert "4 image files that cannot be used" in done.stdout
    for name in ("jpeg.png", "cmyk.jpg", "palette.png", "turned.jpg", "deep.png"):
        assert f"{name} (acer): found" not in done.stdout

    whole = ("dataset.train_fraction=0.7", "dataset.val_fraction=0.3")
    said = refused(train(data, tmp_path / "run", *whole))
    assert named(said) == bad and "4 of 22 image files cannot be used" in said
    assert "To train without them: --skip-bad" in said
    assert not list((tmp_path / "run").glob("*.pth"))

    more = ("train_dataloader.num_workers=2", "train_dataloader.drop_last=True")
    skipping = train(data, tmp_path / "run", *whole, *more, flags=["--skip-bad"])
    said = check(skipping).stderr + skipping.stdout
    assert "images of the train part are left out" in said
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    skipped = record["skipped_images"]
    dropped = {path for part in skipped.values() for path in part}
    assert {path.removeprefix(f"{data}/") for path in dropped} == bad
    with (tmp_path / "run" / "split.csv").open(newline="") as file:
        used = [row for row in csv.DictReader(file) if row["part"] in ("train", "val")]
    # Fixed, each once, and none in the place of another.
    assert len(used) == len({row["image"] for row in used}) == 22 - 4
    assert not dropped & {row["image"] for row in used}

    (checkpoint,) = plain.glob("run/epoch_2.pth")
    done = run_tool("predict", CONFIG, checkpoint, data, "--out", tmp_path / "p.csv")
    assert named(refused(done)) == bad and not (tmp_path / "p.csv").exists()


def config_with(folder, module, body):
    """Write a config whose training has a transform of its own, and return it."""
    (folder / f"{module}.py").write_text(
        "import numpy as np\n"
        "from mmcv.transforms import BaseTransform\n"
        "from mmleaves.registry import TRANSFORMS\n"
        "@TRANSFORMS.register_module()\n"
        f"class {module.title()}(BaseTransform):\n"
        f"    def transform(self, results):\n{body}"
    )
    config = folder / f"with_{module}.py"
    config.write_text(
        f"import sys\nsys.path.insert(0, {str(folder)!r})\n"
        f'_base_ = ["{ROOT / "configs" / CONFIG}.py"]\n'
        f'custom_imports = dict(imports=["mmleaves.runner", "{module}"])\n'
        "pipeline = [dict(type='mmleaves.LoadImage'),"
        " dict(type='Resize', scale=(32, 32)),"
        f" dict(type='mmleaves.{module.title()}'), dict(type='PackInputs')]\n"
        "train_dataloader = dict(dataset=dict(pipeline=pipeline))\n"
    )
    return config


ALL = ("dataset.train_fraction=1.0", "dataset.val_fraction=0.0")


def test_a_pipeline_that_loses_an_image_stops_the_run_and_draws_no_other(
    tmp_path, plain
):
    lost = (
        "        return None if results['img_path'].endswith('02.png') else results\n"
    )
    config = config_with(tmp_path, "loses", lost)
    flags = ["--no-validate"]
    done = train(plain / "data", tmp_path / "run", *ALL, config=config, flags=flags)
    assert "02.png: the pipeline made nothing of it (one of LoadIm" in refused(done)


ODD_NAMES = [
    "a b.png",
    "caf\u00e9.png",
    "cafe\u0301 x.png",
    "\U0001f33f.png",
    'it\'s "q".PNG',
    "-dash.png",
    "x" * 246 + ".png",
    "\udcff\udcfe.png",
    "new\nline.png",
    "comma, semi;.png",
    " lead.png",
    "back\\slash.png",
    "%41.png",
    "bytes:%41.png",
    "line\u2028sep.png",
    "tab\t.png",
]


def test_odd_names_give_what_plain_names_give_in_every_command(tmp_path, plain):
    data, original = tmp_path / "odd", {}
    for place, name in enumerate(ODD_NAMES):
        old = f"{'acer' if place < 8 else 'tilia'}/{place % 8:02}.png"
        new = f"{old.partition('/')[0]}/{name}"
        original[new] = old
        (data / new).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(plain / "data" / old, data / new)
    (checkpoint,) = plain.glob("run/epoch_2.pth")
    probs = {}
    for kind, folder in (("plain", plain / "data"), ("odd", data)):
        table = tmp_path / f"{kind}.csv"
        check(run_tool("predict", CONFIG, checkpoint, folder, "--out", table))
        read = read_predictions(str(table), images=str(folder))
        assert all(Path(path).is_file() for path in read.paths)
        names = [os.path.relpath(path, folder) for path in read.paths]
        probs[kind] = dict(zip(names, read.probs.tolist(), strict=True))
        assert table.read_bytes().decode()  # UTF-8, whatever the names are
    assert len(probs["odd"]) == 16
    for name, old in original.items():
        assert probs["odd"][name] == pytest.approx(probs["plain"][old], abs=1e-6)

    sheet = tmp_path / "sheet.png"
    images = ("--images", data, "--out", sheet, "--count", 16)
    check(run_tool("show_predictions", tmp_path / "odd.csv", *images))
    checked = check(
        run_tool("check_data", data, "--no-cache", "--html", tmp_path / "p.html")
    )
    assert "16 images below" in checked.stdout
    check(train(data, tmp_path / "run", *HALVES, "train_cfg.max_epochs=1"))
    with (tmp_path / "run" / "split.csv").open(newline="", encoding="utf-8") as file:
        rows = [from_text(row["image"]) for row in csv.DictReader(file)]
    assert {os.path.relpath(path, data) for path in rows} == set(original)
    scored = ("--work-dir", tmp_path / "test", "--cfg-options")
    check(run_tool("test", CONFIG, checkpoint, *scored, f"dataset.data_root={data}"))


def test_too_few_images_for_a_batch_are_refused_with_what_to_set(tmp_path, plain):
    large = ("train_dataloader.batch_size=64", "train_dataloader.drop_last=True")
    said = refused(train(plain / "data", tmp_path / "run", *HALVES, *large))
    assert "found 8 images and batch_size=64 with drop_last=True" in said
    assert "Set the loader's batch_size to 8 or less" in said
    one_is_left = (*ALL, "train_dataloader.batch_size=5")  # of 16
    flags = ["--no-validate"]
    done = train(plain / "data", tmp_path / "run", *one_is_left, flags=flags)
    said = refused(done)
    assert "The last batch has a single image, which BatchNorm cannot" in said
    assert not list((tmp_path / "run").glob("*.pth"))


def test_scores_that_are_no_numbers_stop_validation_test_and_prediction(
    tmp_path, plain
):
    (checkpoint,) = plain.glob("run/epoch_2.pth")
    spoilt = torch.load(checkpoint, weights_only=True)
    spoilt["state_dict"]["head.fc.bias"][0] = float("nan")
    torch.save(spoilt, tmp_path / "spoilt.pth")
    table = tmp_path / "p.csv"
    done = run_tool(
        "predict", CONFIG, tmp_path / "spoilt.pth", plain / "data", "--out", table
    )
    said = refused(done, code=5)
    assert "00.png: the model gives it the scores [nan, nan], expected numbers" in said
    assert not table.exists()


def test_an_input_that_is_no_number_is_named_and_nothing_is_saved(tmp_path, plain):
    spoilt = (
        "        img = results['img'].astype(np.float32)\n"
        "        if results['img_path'].endswith('acer/03.png'):\n"
        "            img[0, 0] = np.inf\n"
        "        return results | {'img': img}\n"
    )
    config = config_with(tmp_path, "spoils", spoilt)
    flags = ["--no-validate"]
    done = train(plain / "data", tmp_path / "run", *ALL, config=config, flags=flags)
    said = refused(done, code=5)
    assert f"The input itself is not finite of: {plain}/data/acer/03.png." in said
    assert not list((tmp_path / "run").glob("*.pth"))


# The others are in datasets/test_leaves_csv.py, as the data set itself tells them.
CSV_FAULTS = {
    "cut mid line": ("image,label\n00.png,acer\n01.pn", "line 3: found 1 fields"),
    "NaN": ("image,label\n00.png,acer\n01.png,nan\n", "line 3: found the label 'nan'"),
}


def test_a_faulty_table_is_refused_with_its_line_before_anything_is_trained(tmp_path):
    for number in range(20):
        drawn(tmp_path / f"{number:02}.png", number)
    table = tmp_path / "train.csv"

    def said(options=(), text=None):
        table.write_bytes(text.encode() if isinstance(text, str) else text)
        config = "mobilenet-v2_probe_b32-adamw-cosine10_leaves"
        done = train(tmp_path, tmp_path / "run", *options, config=config)
        assert not list((tmp_path / "run").glob("*.pth"))
        return refused(done)

    for fault, (text, expected) in CSV_FAULTS.items():
        assert f"train.csv, {expected}" in said(text=text), fault
    rows = [f"{n:02}.png,{'acer' if n % 2 else 'tilia'}\n" for n in range(20)]
    whole = "\ufeff" + "image,label\n" + "".join(rows) + "\n"
    missing = whole.replace("07.png", "77.png").replace("\n", "\r\n")
    found = said(text=missing)
    assert f"77.png ({tmp_path}/train.csv, line 9): found no such file" in found
    (tmp_path / "val.csv").write_text("image,label\n01.png,acer\n02.png,tillia\n")
    apart = ("train_dataloader.dataset.part=all", "val_dataloader.dataset.part=all")
    val = (*apart, "val_dataloader.dataset.ann_file=val.csv")
    assert "val: found 'tillia', which train lacks" in said(val, whole)
    named = (*val, "val_dataloader.dataset.classes_from=train.csv")
    assert "val.csv, line 3: found the label 'tillia', expected one" in said(
        named, whole
    )


def test_class_folders_of_two_parts_are_matched_by_name_and_never_by_place(tmp_path):
    from mmleaves.datasets import CaltechFolders
    from mmleaves.datasets.overlap import image_paths

    def laid_out(name, val):
        root = class_folders(tmp_path / name / "train", ("acer", "tilia", "ulmus"), 2)
        for number, folder in enumerate(val):
            drawn(root.parent / "val" / folder / "a.png", number)
        return root.parent

    def read(root):
        options = dict(data_prefix="val", classes_from="train", part="all")
        data = CaltechFolders(str(root), **options)
        names = [Path(path).parent.name for path in image_paths(data)]
        return dict(zip(names, data.get_gt_labels().tolist(), strict=True))

    whole = {"acer": 0, "tilia": 1, "ulmus": 2}
    assert read(laid_out("same", whole)) == whole
    assert read(laid_out("order", reversed(whole))) == whole
    assert read(laid_out("missing", ["ulmus", "acer"])) == {"acer": 0, "ulmus": 2}
    hidden = (*whole, ".ipynb_checkpoints", "__MACOSX", ".git")
    assert read(laid_out("hidden", hidden)) == whole
    for name, extra in (("extra", "salix"), ("case", "Acer"), ("renamed", "acer 2")):
        with pytest.raises(
            ValueError, match=f"val/{extra}: found a class that .*train"
        ):
            read(laid_out(name, (*whole, extra)))
    empty = laid_out("empty", ["acer", "ulmus"])
    (empty / "val" / "tilia").mkdir()
    with pytest.raises(ValueError, match="val/tilia: found no images and 0 other"):
        read(empty)


def test_upstreams_own_numbering_by_place_is_refused_by_name(tmp_path, plain):
    """MMPretrain's CustomDataset numbers the folders of each part by themselves."""
    class_folders(tmp_path / "val", ("tilia", "acer 2"), images=4)
    (tmp_path / "train").symlink_to(plain / "data")
    config = tmp_path / "stock.py"
    config.write_text(
        f'_base_ = ["{ROOT / "configs" / CONFIG}.py"]\n'
        "pipeline = [dict(type='mmleaves.LoadImage'), dict(type='PackInputs')]\n"
        "dataset = dict(_delete_=True, type='CustomDataset', pipeline=pipeline,"
        " classes=['acer', 'tilia'])\n"
        "train_dataloader = dict(dataset=dict(_delete_=True,"
        f" data_root='{tmp_path}/train'))\n"
        "val_dataloader = dict(dataset=dict(_delete_=True,"
        f" data_root='{tmp_path}/val'))\n"
        "test_dataloader = val_dataloader\n"
    )
    done = run_tool("train", config, "--work-dir", tmp_path / "run", "--no-pretrained")
    said = refused(done)
    assert "val, whose folders are numbered by themselves: found 'acer 2', whi" in said
