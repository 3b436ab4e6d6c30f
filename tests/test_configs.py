"""A config's name tells the truth, and so does its header."""

import re
from functools import cache

import pytest
from mmengine.config import Config
from shipped_configs import CONFIGS, header, load, one_line, row
from tool_runs import ROOT

from mmleaves.doctor.diagnosis import check_config

ALGORITHMS = {
    "densenet121": dict(type="DenseNet", arch="121"),
    "mobilenet-v2": dict(type="MobileNetV2"),
    "repvgg-a0": dict(type="RepVGG", arch="A0"),
    "resnet18": dict(type="ResNet", depth=18),
    "resnet18-biased": dict(type="mmleaves.BiasedResNet18"),
    "resnet34": dict(type="ResNet", depth=34),
    "resnet50": dict(type="ResNet", depth=50),
    "resnet101": dict(type="ResNet", depth=101),
    "resnext50-32x4d": dict(type="ResNeXt", depth=50, groups=32, width_per_group=4),
    "resnext101-32x8d": dict(type="ResNeXt", depth=101, groups=32, width_per_group=8),
    "resnext101-64x4d": dict(type="ResNeXt", depth=101, groups=64, width_per_group=4),
    "swin-tiny": dict(type="SwinTransformer", arch="tiny"),
    "vgg13-bn": dict(type="VGG", depth=13, norm_cfg=dict(type="BN")),
    "vit-base": dict(type="VisionTransformer", arch="base", patch_size=16),
    "vit-large": dict(type="VisionTransformer", arch="large", patch_size=16),
}
# What a head other than the usual one is called.
HEADS = {
    "StackedLinearClsHead": lambda _, head: f"hidden{head.mid_channels[0]}",
    # MobileNetV2's fifth layer ends the third stage.
    "mmleaves.FusionClsHead": lambda backbone, _: {
        ("ResNet", (2, 3)): "stages34",
        ("MobileNetV2", (4, 7)): "stages34",
    }[backbone.type, backbone.out_indices],
    "mmleaves.ExtraFeaturesClsHead": lambda _, head: "extra{}-{}".format(
        *head.latent_channels
    ),
    "mmleaves.AttentionPoolingClsHead": lambda *_: "attention-pooling",
}
# Type, folder, and to how many pixels test images are cut or resized, if they are.
DATA = {
    "birds": ("mmleaves.CaltechFolders", "data/birds", 256),
    "birds-224px": ("mmleaves.CaltechFolders", "data/birds", 224),
    "busi": ("mmleaves.BenignMalignant", "data/busi", 224),
    "busi-128px": ("mmleaves.BenignMalignant", "data/busi", 128),
    "caltech": ("mmleaves.CaltechFolders", "data/101_ObjectCategories", 224),
    "cifar10": ("mmleaves.CaltechFolders", "data/cifar10", None),
    "cifar10-96-128px": ("mmleaves.CaltechFolders", "data/cifar10", 128),
    "cifar10-224px": ("mmleaves.CaltechFolders", "data/cifar10", 224),
    "folders": ("mmleaves.CaltechFolders", "data/folders", 224),
    "leaves": ("mmleaves.LeavesCSV", "data/leaves", 224),
    "sample": ("mmleaves.LeavesCSV", "data/sample", 224),
}
# What a name leaves unsaid: SGD, with the steps of experiments.md, 1.4; on birds, the
# rate of experiments.md, 3.
UNSAID_OPTIMIZER, UNSAID_SCHEDULE = "sgd", "steps20-40-60"
UNSAID_RATE = {"birds": 5e-5, "birds-224px": 5e-5}
# What a figure of ours was made on; another machine needs its name here.
MACHINES = ("AMD EPYC", "Intel Xeon", "NVIDIA")
# Said by a name, or given by the backbone.
WIDTHS_OF_HEADS = {"in_channels", "mid_channels", "latent_channels", "how"}
# What gives no map, or takes one as it is.
WITHOUT_NECK = {
    "VGG",
    "VisionTransformer",
    "mmleaves.AttentionPoolingClsHead",
    "mmleaves.CrossAttentionBranches",
    "mmleaves.TwoBranches",
}
TRIED_TRANSFORMS = {"mmleaves.ColorJitter", "RandomErasing", "mmleaves.CutOut"}


def describe(cfg: Config) -> dict[str, str]:
    """Return what a config's name should say, read from the merged config."""
    described = (
        cfg.dataset.type,
        cfg.dataset.data_root,
        image_px(cfg.test_dataloader.dataset.pipeline),
    )
    (data,) = [name for name, settings in DATA.items() if settings == described]
    rate = cfg.optim_wrapper.optimizer.lr
    return {
        "algorithm": describe_algorithm(cfg.model, described[-1]),
        "module": describe_trainable(cfg.trainable),
        "batch": f"b{cfg.train_dataloader.batch_size}",
        "optimizer": cfg.optim_wrapper.optimizer.type.lower(),
        "rate": "" if rate == UNSAID_RATE.get(data, rate) else f"lr{short(rate)}",
        "schedule": describe_schedule(cfg),
        "transforms": describe_transforms(cfg.train_dataloader.dataset.pipeline),
        "start": "continued" if cfg.load_from else "",
        "data": data,
    }


def describe_algorithm(model: dict, side_px: int | None) -> str:
    """Return the backbone's name, or both branches', and what is not as usual.

    Args:
        model: The model's config.
        side_px: How large images are that no branch shrinks.
    """
    backbone, head = model.backbone, model.head
    branches = backbone.get("branches", {})
    words = list(dict.fromkeys(map(describe_backbone, branches.values())))
    if not branches:
        words = [describe_backbone(backbone)]
    if sides_px := backbone.get("sides_px"):
        words += [str(sides_px.get(name, side_px)) for name in branches]
    if "num_stages" in backbone:
        words.append(f"{backbone.num_stages}stages")
    if backbone.type == "mmleaves.CrossAttentionBranches":
        assert head.how == "concat", "no name says otherwise"
        words.append("cross" + "".join(map(str, backbone.after_stages)))
    elif branches:
        words.append(head.how)
    elif head.type in HEADS:
        words.append(HEADS[head.type](backbone, head))
    return "-".join(words)


def describe_backbone(backbone: dict) -> str:
    (name,) = [
        name
        for name, settings in ALGORITHMS.items()
        if all(backbone.get(key) == value for key, value in settings.items())
    ]
    return name


def short(rate: float) -> str:
    return f"{rate:.0e}".replace("e-0", "e-")


def image_px(pipeline: list[dict]) -> int | None:
    sides = [step.get("crop_size") or step.get("scale") for step in pipeline]
    sides = [side[0] if isinstance(side, tuple) else side for side in sides if side]
    return sides[-1] if sides else None


def describe_trainable(trainable: str | list[str]) -> str:
    if isinstance(trainable, list):
        return "-".join(map(describe_trainable, trainable))
    policy, _, number = trainable.replace("@", "").partition(":")
    return {"classifier": "probe", "all-but-first": "frozen"}.get(
        policy, policy
    ) + number


def describe_transforms(pipeline: list[dict]) -> str:
    left_out = TRIED_TRANSFORMS - {step.type for step in pipeline}
    if left_out == TRIED_TRANSFORMS:
        return ""
    assert left_out <= {"mmleaves.ColorJitter"}, "no name says this"
    return "nojitter" if left_out else "aug"


def describe_schedule(cfg: Config) -> str:
    kinds = [schedule.type for schedule in cfg.param_scheduler]
    epochs = cfg.train_cfg.max_epochs
    if not kinds:
        return f"constant{epochs}"
    if "mmleaves.OneCycleLR" in kinds:
        return f"onecycle{epochs}"
    if "CosineAnnealingMomentum" in kinds:
        return f"cyclic{epochs}"
    last = cfg.param_scheduler[-1]
    if last.type == "MultiStepLR":
        return "steps" + "-".join(map(str, last.milestones))
    if last.type == "ExponentialLR":
        return f"exponential{last.gamma}"
    if last.type == "CosineRestartLR":
        assert sum(last.periods) == epochs
        return f"restarts{last.periods[0]}x{last.periods[1] // last.periods[0]}"
    assert last.type == "CosineAnnealingLR"
    assert last.T_max + last.get("begin", 0) == epochs
    return f"cosine{epochs}"


# Batch, optimiser, rate, schedule, transforms, and where it starts from.
TRAINING = re.compile(
    r"(b\d+)(?:-(adamw))?(?:-(lr\de-\d))?(?:-(.+?))?(?:-(aug|nojitter))?(?:-(continued))?"
)


def parse(name: str) -> dict[str, str]:
    """Return what a config's name says."""
    algorithm, module, training, data = name.split("_")
    batch, optimizer, rate, schedule, transforms, start = TRAINING.fullmatch(
        training
    ).groups(default="")
    return {
        "algorithm": algorithm,
        "module": module,
        "batch": batch,
        "optimizer": optimizer or UNSAID_OPTIMIZER,
        "rate": rate,
        "schedule": schedule or UNSAID_SCHEDULE,
        "transforms": transforms,
        "start": start,
        "data": data,
    }


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_does_what_its_name_says(path):
    assert parse(path.stem) == describe(load(path))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_header_gives_the_command_and_a_result(path):
    text = header(path)
    assert f"\npython tools/train.py configs/{path.name}\n" in text
    assert re.search(r"\bOurs: \S", text)
    if "experiments.md" in text:
        assert re.search(r"\bTheirs: \S", text)
    assert "TBD" not in text


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_figure_of_ours_names_the_machine(path):
    assert is_named(header(path)), header(path)


@pytest.mark.parametrize(
    ("ours", "named"),
    [
        ("not run", True),
        ("not run to the end", True),
        ("not run; 81,816,072 parameters, 81,413,320 of them trained", True),
        ("not run to the end; top-1 88 after 3 epochs", False),
        ("not run to the end; top-1 88 after 3 epochs on an AMD EPYC", True),
        ("98.1 % of 579 images; a minute a fold", False),
        ("98.1 % of 579 images; a minute a fold on an AMD EPYC", True),
        # The machine of theirs is not that of ours.
        ("87.2 % of test/.\n\n    python tools/train.py x.py --on AMD EPYC", False),
    ],
)
def test_a_figure_without_its_machine_is_found(ours, named):
    assert is_named(f"Theirs: 0.9, 90 s on an NVIDIA. Ours: {ours}") == named


def is_named(text: str) -> bool:
    """Return whether a header names the machine of ours, if it has a figure of it."""
    ours = one_line(text).partition("Ours: ")[2].partition(" python tools/")[0]
    # A count of parameters is the same everywhere.
    measured = re.sub(r"[\d,]+ parameters(, [\d,]+ of them trained)?", "", ours)
    return not re.search(r"\d", measured) or any(name in ours for name in MACHINES)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_schedule_fits_into_the_run(path):
    cfg = load(path)
    epochs = cfg.train_cfg.max_epochs
    for schedule in cfg.param_scheduler:
        assert schedule.get("end", epochs) <= epochs
        assert all(milestone < epochs for milestone in schedule.get("milestones", []))


@cache
def sound_models() -> set[str]:
    return set()  # those of configs that were found sound: many are alike


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_doctor_finds_nothing_in_a_config(path):
    """But for data and weights that are not there, and what its header says."""
    cfg = load(path)
    model = str((cfg.model, cfg.trainable))
    if model in sound_models():
        cfg.model = None
    found = {f.kind for f in check_config(cfg) if f.kind not in ("data", "weights")}
    # The rate is for another batch.
    other = cfg.train_dataloader.batch_size != cfg.auto_scale_lr.base_batch_size
    assert found == ({"rate"} if other else set())
    if other:
        assert "belongs to batch 256" in " ".join(path.read_text().split())
    sound_models().add(model)


def test_a_name_that_lies_is_found():
    cfg = load(ROOT / "configs" / "resnet50_frozen2_b64_caltech.py")
    told = describe(cfg)
    for name in (
        "resnet50_frozen4_b64_caltech",
        "resnet50_frozen2_b256_caltech",
        "resnet50_frozen2_b64-steps30-60-90_caltech",
        "resnet50_frozen2_b64-adamw-steps20-40-60_caltech",
        "resnet50_frozen2_b64_leaves",
        "mobilenet-v2_frozen2_b64_caltech",
        "resnet50_last2_b64_caltech",
        "resnet50_frozen2_b64-lr1e-4_caltech",
        "resnet50_frozen2_b64-steps20-40-60-aug_caltech",
        "resnet50_frozen2_b64-steps20-40-60-continued_caltech",
    ):
        assert parse(name) != told


def test_a_config_that_goes_on_names_one_of_the_same_network_and_data():
    going_on = {path.stem: load(path) for path in CONFIGS if load(path).load_from}
    assert going_on
    names = {path.stem for path in CONFIGS}
    for name, cfg in going_on.items():
        folder, first, file = cfg.load_from.split("/")
        assert (folder, file) == ("work_dirs", "best_accuracy_top1_epoch_*.pth")
        assert first in names - {name}
        assert all(
            parse(first)[key] == parse(name)[key] for key in ("algorithm", "data")
        )


def row_paths(rows: str) -> list:
    """Return the configs whose headers name such a row of experiments.md."""
    return [path for path in CONFIGS if re.match(rf"{rows}\b", row(path))]


@pytest.mark.parametrize(("table", "rows"), [(1, 5), (2, 7), (3, 7), (4, 4), (5, 9)])
def test_every_row_has_a_config(table, rows):
    for number in range(1, rows + 1):
        assert row_paths(rf"{table}\.{number}"), f"{table}.{number} has none"


def unsaid(path) -> dict[tuple[str, str], str]:
    """Return what a name leaves unsaid, by the part and by what it goes with.

    Two rows of a table that share a key must share the value; all share "rest".
    """
    cfg, words = load(path), parse(path.stem)
    for key in ("trainable", "load_from", "work_dir"):
        cfg.pop(key)
    cfg.optim_wrapper.optimizer.pop("lr")
    cfg.train_dataloader.pop("batch_size")
    parts = unsaid_schedule(cfg, words["schedule"]) | unsaid_transforms(cfg)
    extra = "extra" in words["algorithm"]
    parts["hooks", f"extra {extra}"] = str(cfg.pop("custom_hooks", None))
    head = cfg.model.pop("head")
    parts["loss", ""] = str(head.pop("loss", None))
    own = {key: head[key] for key in head if key not in WIDTHS_OF_HEADS}
    parts["head", head.type] = str(own)
    cfg.model.pop("neck", None)  # compared by backbones, below
    cfg.model.pop("backbone")  # compared across the tables, below
    return parts | {("rest", ""): cfg.pretty_text}


def unsaid_schedule(cfg: Config, said: str) -> dict[tuple[str, str], str]:
    schedules = cfg.pop("param_scheduler")
    for schedule in schedules:
        schedule.pop("milestones", None)
    kind = re.match("[a-z]+", said)[0]
    return {
        ("schedule", kind): str(schedules),
        ("epochs", said): str(cfg.train_cfg.pop("max_epochs")),
    }


def unsaid_transforms(cfg: Config) -> dict[tuple[str, str], str]:
    """Take the pipelines out, and return them but for the side and what is told of."""
    side = str(image_px(cfg.test_dataloader.dataset.pipeline))
    parts = {}
    for key in [key for key in cfg if key.endswith("_pipeline")]:
        cfg.pop(key)  # the loaders have them too
    for key in [key for key in cfg if key.endswith("_dataloader")]:
        usual = []
        for step in cfg[key].dataset.pop("pipeline"):
            step.pop("algorithm_keys", None)
            text = str(step).replace(side, "side")
            if step.type in TRIED_TRANSFORMS | {"mmleaves.AttachFeatures"}:
                parts[key, step.type] = text
            else:
                usual.append(text)
        parts[key, "usual"] = str(usual)
    return parts


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        (r"1\.[1-4]", 4),
        (r"2\.\d", 8),
        ("3", 14),
        # From random weights, and three from ImageNet's on images of two sizes.
        (r"4\.1", 2),
        (r"4\.2", 4),
        (r"4\.[34]", 3),
        ("5", 23),
    ],
)
def test_the_rows_of_a_table_differ_in_what_their_names_say_only(rows, count):
    paths = row_paths(rows)
    assert len(paths) == count
    first = {}
    for path in paths:
        for part, value in unsaid(path).items():
            assert value == first.setdefault(part, value), f"{path.stem}: {part}"


@pytest.mark.parametrize("row", ["4.1", "4.2", "4.4"])
def test_the_runs_of_one_row_of_table_4_differ_in_schedule_and_start_only(row):
    names = [parse(path.stem) for path in row_paths(re.escape(row))]
    differing = {key for key in names[0] if len({name[key] for name in names}) > 1}
    assert differing == {"schedule", "start"}


def test_a_backbone_is_the_same_in_every_row_but_for_what_names_say():
    said = ("img_size", "num_stages", "strides", "dilations", "out_indices")
    first = {}
    for path in row_paths("[1-5]"):
        backbone = load(path).model.backbone
        for branch in backbone.get("branches", {"": backbone}).values():
            name = describe_backbone(branch)
            text = str({key: branch[key] for key in branch if key not in said})
            assert text == first.setdefault(name, text), path.stem


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_maps_are_averaged_before_the_classifier_in_every_config(path):
    model = load(path).model
    own = model.backbone.type in WITHOUT_NECK or model.head.type in WITHOUT_NECK
    neck = None if own else dict(type="GlobalAveragePooling")
    assert model.get("neck") == neck


def test_the_rows_of_table_5_weigh_their_classes_alike():
    for path in row_paths("5"):
        loss = load(path).model.head.loss
        assert loss == dict(type="CrossEntropyLoss", class_weight="auto")


def test_the_header_of_the_recipe_that_grows_gives_its_numbers():
    name = "resnet18-biased_all_b128-onecycle10_cifar10-96-128px"
    path = ROOT / "configs" / f"{name}.py"
    cfg, said = load(path), one_line(header(path))
    rates = cfg.optim_wrapper.optimizer
    assert f"a peak rate of {rates.lr}, weight decay 5e-4, Nesterov's momentum" in said
    assert (rates.weight_decay, rates.nesterov) == (5e-4, True)
    assert f"label smoothing of {cfg.model.head.loss.label_smooth_val}" in said
    for size, key in ((96, "train_pipeline"), (128, "train_pipeline_128px")):
        (crop,) = (step for step in cfg[key] if step.type == "RandomCrop")
        assert f"shifts of up to {crop.padding} px" in said
        (resize,) = (step for step in cfg[key] if step.type == "Resize")
        assert resize.scale == (size, size)
    assert cfg.train_dataloader.dataset.pipeline == cfg.train_pipeline
    ((switch,),) = (hook.schedule for hook in cfg.custom_hooks)
    assert switch == dict(action_epoch=4, train_pipeline=cfg.train_pipeline_128px)


def test_rows_of_one_network_have_one_and_the_same_model():
    models = {}
    for path in row_paths(r"[1-4]"):
        name, model = parse(path.stem), load(path).model
        model.backbone.pop("img_size", None)  # goes by the data
        models.setdefault(name["algorithm"], set()).add(str(model))
    assert all(len(of_one) == 1 for of_one in models.values())


def test_the_index_for_mim_lists_every_config_under_its_backbone():
    import yaml

    index = yaml.safe_load((ROOT / "model-index.yml").read_text())
    collections = {collection["Name"] for collection in index["Collections"]}
    listed = {
        model["Name"]: (model["Config"], model["In Collection"])
        for model in index["Models"]
    }
    assert listed == {
        path.stem: (f"configs/{path.name}", collection_of(load(path).model.backbone))
        for path in CONFIGS
    }
    assert len(listed) == len(index["Models"])
    assert collections == {collection for _, collection in listed.values()}


def collection_of(backbone: dict) -> str:
    """Return which collection a backbone belongs to, or the first of two branches."""
    first, *_ = backbone.get("branches", {"": backbone}).values()
    return {
        "SwinTransformer": "Swin Transformer",
        "VisionTransformer": "Vision Transformer",
        "mmleaves.BiasedResNet18": "ResNet",
    }.get(first.type, first.type)


@pytest.mark.parametrize("page", ["README.md", "README_zh.md"])
def test_a_readme_counts_the_configs_that_it_does_not_list(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([^_`]+(?:_[^_`]+){3})` \|", text, re.MULTILINE)
    assert set(listed) <= {path.stem for path in CONFIGS}
    (others,) = re.findall(r"`configs/` (?:has|里另有) (\d+)", text)
    assert int(others) == len(CONFIGS) - len(listed)
