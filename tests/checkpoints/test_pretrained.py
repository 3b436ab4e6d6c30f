import re

import pytest
import torch
import torchvision
from mmengine.registry import DefaultScope
from mmengine.runner import CheckpointLoader
from mmpretrain.registry import MODELS
from torch.nn import functional

from mmleaves.checkpoints.pretrained import WEIGHTS, load_from_mmleaves, packaged_file

# Each file's model: torchvision's, MMPretrain's backbone, and its channels.
MODELS_OF = {
    "densenet121_in1k": ("densenet121", dict(type="DenseNet", arch="121"), 1024),
    "mobilenet-v2_in1k": ("mobilenet_v2", dict(type="MobileNetV2"), 1280),
    "resnet18_in1k": ("resnet18", dict(type="ResNet", depth=18), 512),
    "resnet34_in1k": ("resnet34", dict(type="ResNet", depth=34), 512),
    "resnet50_in1k": ("resnet50", dict(type="ResNet", depth=50), 2048),
    "resnet101_in1k": ("resnet101", dict(type="ResNet", depth=101), 2048),
    "resnext50-32x4d_in1k": (
        "resnext50_32x4d",
        dict(type="ResNeXt", depth=50, groups=32, width_per_group=4),
        2048,
    ),
    "resnext101-32x8d_in1k": (
        "resnext101_32x8d",
        dict(type="ResNeXt", depth=101, groups=32, width_per_group=8),
        2048,
    ),
    "resnext101-64x4d_in1k": (
        "resnext101_64x4d",
        dict(type="ResNeXt", depth=101, groups=64, width_per_group=4),
        2048,
    ),
    "vgg13-bn_in1k": (
        "vgg13_bn",
        dict(type="VGG", depth=13, norm_cfg=dict(type="BN")),
        None,
    ),
    "vit-base_in1k": ("vit_b_16", dict(type="VisionTransformer", arch="base"), 768),
    "vit-large_in1k": ("vit_l_16", dict(type="VisionTransformer", arch="large"), 1024),
}
# The others have the layers of one of these, more or wider ones.
COMPARED = {
    "densenet121_in1k": 64,
    "mobilenet-v2_in1k": 64,
    "resnet18_in1k": 64,
    "resnet50_in1k": 64,
    "resnext50-32x4d_in1k": 64,
    "vgg13-bn_in1k": 32,
    "vit-base_in1k": 224,
}


def classifier(name, *, num_classes=1000, **settings):
    DefaultScope.get_instance("test", scope_name="mmpretrain")
    import mmpretrain.models  # noqa: F401 - registers them

    _, backbone, channels = MODELS_OF[name]
    neck, head = dict(type="GlobalAveragePooling"), dict(type="LinearClsHead")
    if backbone["type"] == "VisionTransformer":
        neck = None
    if backbone["type"] == "VGG":
        neck, head = None, dict(type="mmleaves.VGGHead")
    else:
        head["in_channels"] = channels
    return MODELS.build(
        dict(
            type="ImageClassifier",
            backbone=backbone | settings,
            neck=neck,
            head=head | dict(num_classes=num_classes),
        )
    ).eval()


def torchvision_model(name):
    """Return torchvision's model, no two of its tensors alike."""
    torch.manual_seed(0)
    model = getattr(torchvision.models, MODELS_OF[name][0])().double().eval()
    for tensor in [*model.parameters(), *model.buffers()]:
        # As drawn, all norms are alike, and a ViT's classifier says 0 to all.
        if tensor.is_floating_point() and tensor.std() == 0:
            tensor.data.uniform_(0.5, 1.5)
    return model


@pytest.mark.parametrize("name", COMPARED)
def test_renamed_weights_of_torchvision_give_its_outputs(name):
    """Random weights: every tensor finds its place, and the networks are the same."""
    theirs = torchvision_model(name)
    state = theirs.state_dict()
    ours = classifier(name).double()
    ours.load_state_dict({WEIGHTS[name].rename(key): state[key] for key in state})
    images = torch.randn(2, 3, COMPARED[name], COMPARED[name], dtype=torch.float64)
    with torch.inference_mode():
        logits = ours.head(ours.extract_feat(images))
        torch.testing.assert_close(logits, theirs(images), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", sorted(WEIGHTS.keys() - COMPARED))
def test_renamed_weights_of_the_larger_models_fit_tensor_by_tensor(name):
    with torch.device("meta"):
        state = getattr(torchvision.models, MODELS_OF[name][0])().state_dict()
    with torch.device("meta" if "vit" in name else "cpu"):
        ours = classifier(name).state_dict()
    expected = {WEIGHTS[name].rename(key): state[key].shape for key in state}
    assert {key: tensor.shape for key, tensor in ours.items()} == expected


@pytest.mark.parametrize("name", WEIGHTS)
def test_each_file_is_torchvisions_first_for_imagenet(name):
    weights = torchvision.models.get_model_weights(MODELS_OF[name][0])
    assert WEIGHTS[name].url == weights.IMAGENET1K_V1.url


@pytest.mark.parametrize(
    ("name", "in_the_file", "in_the_model"),
    [
        ("densenet121_in1k", r"\1.\2", r"(denselayer\d+\.[a-z]+)([12])"),
        ("vit-base_in1k", "mlp.linear_1", r"mlp\.0"),
        ("vit-base_in1k", "mlp.linear_2", r"mlp\.3"),
    ],
)
def test_files_older_than_the_model_s_names_are_read_too(
    name, in_the_file, in_the_model
):
    with torch.device("meta"):
        keys = getattr(torchvision.models, MODELS_OF[name][0])().state_dict()
    renamed = {key: re.sub(in_the_model, in_the_file, key) for key in keys}
    changed = {new: old for old, new in renamed.items() if new != old}
    assert len(changed) >= 24
    rename = WEIGHTS[name].rename
    assert {rename(old) for old in changed} == {rename(new) for new in changed.values()}


@pytest.mark.parametrize(
    ("name", "px", "count"),
    [
        ("resnext101-32x8d_in1k", 256, 87_152_136),
        ("vit-base_in1k", 256, 85_998_536),
        ("vit-large_in1k", 256, 303_568_072),
    ],
)
def test_with_200_classes_they_have_as_many_parameters_as_the_notebook_counted(
    name, px, count
):
    is_vit = name.startswith("vit")
    with torch.device("meta" if is_vit else "cpu"):
        model = classifier(name, num_classes=200, **dict(img_size=px) if is_vit else {})
    assert sum(p.numel() for p in model.parameters()) == count


def test_a_vit_for_other_images_resizes_the_position_embedding(tmp_path):
    state = torchvision_model("vit-base_in1k").float().state_dict()
    rename = WEIGHTS["vit-base_in1k"].rename
    path = tmp_path / "vit.pth"
    torch.save({"state_dict": {rename(key): state[key] for key in state}}, path)
    init_cfg = dict(type="Pretrained", checkpoint=str(path), prefix="backbone")
    model = classifier(
        "vit-base_in1k", num_classes=200, img_size=256, init_cfg=init_cfg
    )
    model.init_weights()
    found = model.backbone.state_dict()
    # Torchvision's own `interpolate_embeddings` aligns the corner pixels instead.
    grid = state["encoder.pos_embedding"][0, 1:].T.reshape(1, 768, 14, 14)
    grid = functional.interpolate(grid, (16, 16), mode="bicubic", align_corners=False)
    torch.testing.assert_close(
        found["pos_embed"][0, 1:].T.reshape(1, 768, 16, 16), grid
    )
    assert torch.equal(found["pos_embed"][0, 0], state["encoder.pos_embedding"][0, 0])
    for key in state:
        if key != "encoder.pos_embedding" and not key.startswith("heads."):
            ours = found[rename(key).removeprefix("backbone.")]
            assert torch.equal(ours, state[key])


def test_the_weights_that_pip_brings_recognise_caltech_images(
    mobilenet_weights, unpacked_data
):
    """Published top-1 is 71.9 %; on other images than ImageNet's, most of them."""
    from mmleaves.transforms.load_image import read_image

    model = classifier("mobilenet-v2_in1k")
    state = CheckpointLoader.load_checkpoint("mmleaves://mobilenet-v2_in1k", "cpu")
    model.load_state_dict(state["state_dict"])
    weights = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1
    right = 0
    for name in ("llama", "dalmatian"):
        folder = unpacked_data / "101_ObjectCategories" / name
        for path in sorted(folder.iterdir())[:10]:
            rgb = torch.from_numpy(read_image(path)[..., ::-1].copy())
            with torch.inference_mode():
                batch = weights.transforms()(rgb.permute(2, 0, 1))[None]
                said = model.head.fc(model.extract_feat(batch)[-1]).argmax().item()
            right += weights.meta["categories"][said] == name
    assert right >= 14


def test_unknown_weights_are_refused_with_the_nearest():
    with pytest.raises(ValueError, match="Nearest: mmleaves://resnet50_in1k"):
        load_from_mmleaves("mmleaves://resnet50")


def test_the_packaged_file_is_the_one_its_name_says(mobilenet_weights):
    from hashlib import sha256

    path = packaged_file(WEIGHTS["mobilenet-v2_in1k"])
    assert sha256(path.read_bytes()).hexdigest().startswith("b0353104")
