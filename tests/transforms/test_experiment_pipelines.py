"""The training and test transforms of the two image pipelines that users run."""

import io
import tarfile

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmpretrain.registry import MODELS, TRANSFORMS
from PIL import Image
from shipped_configs import load
from tool_runs import ROOT
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2 import functional

import mmleaves.transforms  # noqa: F401  (registers ours)

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]  # ImageNet, RGB, 0-255


def pipeline_of(name: str, part: str = "train") -> list[dict]:
    path = ROOT / "configs" / f"{name}.py"
    return load(path)[f"{part}_dataloader"].dataset.pipeline


TRIED = "vit-base_attention4_b16-adamw-steps40-80-{}_birds"
_, *BIRDS, _ = pipeline_of(TRIED.format("aug"))
BIRDS = {step.type.removeprefix("mmleaves."): step for step in BIRDS}
CIFAR = "resnet18_all_b32-constant10_cifar10-224px"
OURS = {
    "PadToSquare": dict(type="mmleaves.PadToSquare"),
    "RandomQuarterTurn": dict(type="mmleaves.RandomQuarterTurn"),
    "CLAHE": dict(type="mmleaves.CLAHE", clip_limit=2.0, tiles=(8, 8)),
}
LOAD, PACK = dict(type="mmleaves.LoadImage"), dict(type="PackInputs")


def build(*steps):
    return Compose([TRANSFORMS.build(step) for step in steps])


def model_input(results, *, mean=MEAN, std=STD):
    preprocessor = dict(type="ClsDataPreprocessor", mean=mean, std=std, to_rgb=True)
    return MODELS.build(preprocessor)(pseudo_collate([results]))["inputs"][0]


def normalised(tensor):
    scaled = functional.to_dtype(tensor, torch.float32, scale=True)
    return functional.normalize(scaled, [m / 255 for m in MEAN], [s / 255 for s in STD])


def grey_levels_apart(ours, expected):
    """Return how far two normalised inputs are apart, in the 256 levels of an image."""
    assert ours.shape == expected.shape
    return ((ours - expected).abs() * torch.tensor(STD)[:, None, None]).max().item()


def rgb_tensor(path):
    with Image.open(path) as img:
        return functional.pil_to_tensor(img.convert("RGB"))


@pytest.fixture(scope="module")
def cifar_path(real_data, tmp_path_factory):
    path = tmp_path_factory.mktemp("cifar") / "0000.png"
    with tarfile.open(real_data / "cifar10_jpg.tar.xz", "r|xz") as archive:
        member = next(m for m in archive if m.name.endswith(".jpg"))
        # As PNG, so that both sides decode the same pixels.
        Image.open(io.BytesIO(archive.extractfile(member).read())).save(path)
    return path


@pytest.fixture
def bird_path(real_data):
    return min((real_data / "cub200_2010/images").rglob("*.jpg"))


# What experiments.md says, and in the comments what it leaves open.
FLIP = dict(type="RandomFlip", prob=0.5, direction="horizontal")
CROP = dict(type="RandomResizedCrop", scale=256, crop_ratio_range=(1.0, 1.0))
JITTER = dict(type="mmleaves.ColorJitter", brightness=0.4, saturation=0.4, hue=0.4)
# Torchvision's defaults, in ImageNet's mean colour.
ERASING = dict(
    type="RandomErasing",
    erase_prob=0.5,
    min_area_ratio=0.02,
    max_area_ratio=0.33,
    aspect_range=(0.3, 3.3),
    fill_color=(104, 116, 124),
)
CUT = dict(type="mmleaves.CutOut", side_px=56)
ENLARGE = dict(type="Resize", scale=(224, 224))


@pytest.mark.parametrize(
    ("name", "part", "steps"),
    [
        (TRIED.format("aug"), "train", [CROP, FLIP, JITTER, ERASING, CUT]),
        (TRIED.format("nojitter"), "train", [CROP, FLIP, ERASING, CUT]),
        # The rows themselves, at 256 px, and the one at 224.
        ("vit-base_attention4_b16-adamw-steps40-80_birds", "train", [CROP, FLIP]),
        (
            "vit-base_attention4_b16-adamw-steps40-80_birds-224px",
            "train",
            [CROP | dict(scale=224), FLIP],
        ),
        # 4.1, 4.3 and 4.4.
        ("resnet18-biased_all_b32-cosine10_cifar10", "train", [FLIP]),
        ("resnet18-biased_all_b32-cosine10_cifar10", "test", []),
        # 4.2.
        (
            CIFAR,
            "train",
            [dict(type="RandomResizedCrop", scale=28), ENLARGE, FLIP],
        ),
        (CIFAR, "test", [dict(type="CenterCrop", crop_size=28), ENLARGE]),
    ],
)
def test_a_config_has_the_transforms_of_the_notes(name, part, steps):
    assert pipeline_of(name, part) == [LOAD, *steps, PACK]


@pytest.mark.parametrize("name", [*BIRDS, *OURS])
def test_each_transform_is_built_by_name_and_takes_a_real_image(bird_path, name):
    step = (BIRDS | OURS)[name]
    for seed in range(5):
        np.random.seed(seed)
        inputs = build(LOAD, step, PACK)({"img_path": str(bird_path)})["inputs"]
        assert inputs.dtype == torch.uint8
        assert inputs.ndim == 3
        assert inputs.shape[0] == 3


def test_the_birds_pipeline_runs_as_a_whole(bird_path):
    pipeline = build(LOAD, *BIRDS.values(), PACK)
    for seed in range(5):
        np.random.seed(seed)
        packed = pipeline({"img_path": str(bird_path), "gt_label": 7})
        assert model_input(packed).shape == (3, 256, 256)
        assert packed["data_samples"].gt_label.item() == 7


def test_colours_reach_the_model_as_rgb(bird_path):
    inputs = model_input(build(LOAD, PACK)({"img_path": str(bird_path)}))
    assert grey_levels_apart(inputs, normalised(rgb_tensor(bird_path))) <= 1.01


def test_the_sets_own_mean_and_std_make_it_0_and_1(real_data):
    paths = sorted((real_data / "leaves/images").glob("1?.jpg"))
    pixels = torch.stack([rgb_tensor(path) for path in paths]).double()
    mean, std = pixels.mean((0, 2, 3)).tolist(), pixels.std((0, 2, 3)).tolist()
    load = build(LOAD, PACK)
    inputs = [
        model_input(load({"img_path": str(path)}), mean=mean, std=std) for path in paths
    ]
    inputs = torch.stack(inputs).double()
    assert inputs.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-3)
    assert inputs.std((0, 2, 3)).tolist() == pytest.approx([1, 1, 1], abs=1e-3)


@pytest.mark.parametrize(("backend", "antialias"), [("cv2", False), ("pillow", True)])
def test_the_same_crop_box_gives_torchvisions_pixels(bird_path, backend, antialias):
    crop = TRANSFORMS.build(dict(type="RandomResizedCrop", scale=224, backend=backend))
    img = build(LOAD)({"img_path": str(bird_path)})["img"]
    for seed in range(5):
        np.random.seed(seed)
        box = crop.rand_crop_params(img)
        np.random.seed(seed)
        ours = crop({"img": img})["img"]
        expected = functional.resized_crop(
            rgb_tensor(bird_path), *box, [224, 224], antialias=antialias
        )
        ours = torch.from_numpy(ours[..., ::-1].copy()).permute(2, 0, 1)
        assert (ours.int() - expected.int()).abs().max() <= 3


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ((300, 300, 3), (0, 0, 300, 300)),
        ((100, 300, 3), (0, 83, 100, 133)),  # 4:3 of the whole height
        ((300, 100, 3), (83, 0, 133, 100)),
    ],
)
def test_a_crop_of_the_whole_area_keeps_the_largest_central_part(shape, box):
    crop = TRANSFORMS.build(BIRDS["RandomResizedCrop"])
    np.random.seed(0)
    assert crop.rand_crop_params(np.empty(shape)) == box
    params = RandomResizedCrop.get_params(
        torch.empty(3, *shape[:2]), [1, 1], [3 / 4, 4 / 3]
    )
    assert tuple(params) == box


def test_the_flip_is_exactly_torchvisions(bird_path):
    flip = dict(type="RandomFlip", prob=1.0, direction="horizontal")
    results = build(LOAD, flip, PACK)({"img_path": str(bird_path)})
    assert results["data_samples"].flip
    unflipped = build(LOAD, PACK)({"img_path": str(bird_path)})["inputs"]
    assert (results["inputs"] == functional.horizontal_flip(unflipped)).all()


def test_what_random_erasing_covers_is_what_torchvision_erases(bird_path):
    erasing = TRANSFORMS.build(BIRDS["RandomErasing"] | dict(erase_prob=1.0))
    plain = build(LOAD)({"img_path": str(bird_path)})["img"]
    fill = torch.tensor([104, 116, 124], dtype=torch.uint8)[:, None, None]
    for seed in range(5):
        np.random.seed(seed)
        assert not erasing.random_disable()
        box = erasing.random_patch(*plain.shape[:2])
        np.random.seed(seed)
        ours = erasing({"img": plain.copy()})["img"]
        tensor = torch.from_numpy(plain).permute(2, 0, 1)
        expected = functional.erase(tensor, *box, fill)
        assert (ours == expected.permute(1, 2, 0).numpy()).all()
        assert 0.019 <= box[2] * box[3] / plain[..., 0].size <= 0.34


@pytest.mark.parametrize(("backend", "antialias"), [("cv2", False), ("pillow", True)])
@pytest.mark.parametrize("seed", range(4))
def test_the_cifar_training_pipeline_is_torchvisions(
    cifar_path, backend, antialias, seed
):
    _, crop, enlarge, flip, _ = pipeline_of(CIFAR)
    crop, enlarge = (step | dict(backend=backend) for step in (crop, enlarge))
    pipeline = build(LOAD, crop, enlarge, flip, PACK)
    _, crop, _, flip, _ = pipeline.transforms
    np.random.seed(seed)
    box = crop.rand_crop_params(np.empty((32, 32, 3)))
    flipped = flip._choose_direction() is not None
    np.random.seed(seed)
    packed = pipeline({"img_path": str(cifar_path)})

    expected = functional.crop(rgb_tensor(cifar_path), *box)
    expected = functional.resize(expected, [28, 28], antialias=antialias)
    expected = functional.resize(expected, [224, 224], antialias=antialias)
    if flipped:
        expected = functional.horizontal_flip(expected)

    assert grey_levels_apart(model_input(packed), normalised(expected)) <= 3


def test_the_cifar_test_pipeline_is_torchvisions(cifar_path):
    packed = build(*pipeline_of(CIFAR, "test"))({"img_path": str(cifar_path)})
    expected = functional.center_crop(rgb_tensor(cifar_path), [28, 28])
    expected = functional.resize(expected, [224, 224])
    assert grey_levels_apart(model_input(packed), normalised(expected)) <= 2
