import pytest
import torch
import torchvision
from mmengine.registry import DefaultScope
from mmengine.runner import CheckpointLoader
from mmpretrain.registry import MODELS

from mmleaves.checkpoints.pretrained import WEIGHTS, _packaged_file, load_from_mmleaves

BACKBONES = {
    "mobilenet-v2_in1k": (dict(type="MobileNetV2"), 1280, "mobilenet_v2"),
    "resnet50_in1k": (dict(type="ResNet", depth=50), 2048, "resnet50"),
}


def classifier(name):
    DefaultScope.get_instance("test", scope_name="mmpretrain")
    import mmpretrain.models  # noqa: F401 - registers them

    backbone, channels, _ = BACKBONES[name]
    return MODELS.build(
        dict(
            type="ImageClassifier",
            backbone=backbone,
            neck=dict(type="GlobalAveragePooling"),
            head=dict(type="LinearClsHead", num_classes=1000, in_channels=channels),
        )
    ).eval()


@pytest.mark.parametrize("name", WEIGHTS)
def test_renamed_weights_of_torchvision_give_its_outputs(name):
    """Random weights: every tensor finds its place, and the networks are the same."""
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, BACKBONES[name][2])().eval()
    state = theirs.state_dict()
    ours = classifier(name)
    ours.load_state_dict({WEIGHTS[name].rename(key): state[key] for key in state})
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        logits = ours.head.fc(ours.extract_feat(images)[-1])
        torch.testing.assert_close(logits, theirs(images), rtol=1e-5, atol=1e-5)


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

    path = _packaged_file(WEIGHTS["mobilenet-v2_in1k"])
    assert sha256(path.read_bytes()).hexdigest().startswith("b0353104")
