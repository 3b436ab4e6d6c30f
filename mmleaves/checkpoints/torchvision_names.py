"""What MMPretrain's classifiers call the tensors of torchvision's files.

Some files are older than torchvision's own names for what they hold; both are known.
"""

import re
from bisect import bisect_right


def resnet(name: str) -> str:
    """Return MMPretrain's name of a tensor of torchvision's ResNet or ResNeXt."""
    return f"head.{name}" if name.startswith("fc.") else f"backbone.{name}"


# MMPretrain's stages, by the torchvision block that each begins with.
_MOBILENET_V2_STAGE_STARTS = (1, 2, 4, 7, 11, 14, 17)


def mobilenet_v2(name: str) -> str:
    """Return MMPretrain's name of a tensor of torchvision's MobileNetV2."""
    if name.startswith("classifier.1."):
        return name.replace("classifier.1.", "head.fc.")
    _, block, rest = name.split(".", 2)
    index = int(block)
    if index in (0, 18):
        layer, tail = rest.split(".", 1)
        place = "conv1" if index == 0 else "conv2"
        return f"backbone.{place}.{'conv' if layer == '0' else 'bn'}.{tail}"
    stage = bisect_right(_MOBILENET_V2_STAGE_STARTS, index)
    inner = index - _MOBILENET_V2_STAGE_STARTS[stage - 1]
    part, tail = rest.removeprefix("conv.").split(".", 1)
    if tail[0].isdigit():  # ConvBNReLU, nested one deeper than the last convolution
        layer, tail = tail.split(".", 1)
        conv = part
    else:
        # The last convolution and its BatchNorm stand side by side in torchvision; the
        # first block has no expansion, so they are its parts 1 and 2, not 2 and 3.
        last = 1 if index == 1 else 2
        conv, layer = str(last), str(int(part) - last)
    kind = "conv" if layer == "0" else "bn"
    return f"backbone.layer{stage}.{inner}.conv.{conv}.{kind}.{tail}"


# Of VGG's classifier: the last layer is the one for the classes.
_VGG_HEAD = {"0": "hidden.0", "3": "hidden.3", "6": "fc"}


def vgg13_bn(name: str) -> str:
    """Return the name in MMPretrain's VGG, with our `VGGHead`, of torchvision's."""
    part, index, tail = name.split(".")
    if part == "classifier":
        return f"head.{_VGG_HEAD[index]}.{tail}"
    # Two convolutions, each with BatchNorm and ReLU, and a pooling: 7 parts a stage in
    # torchvision, and 3 in MMPretrain.
    stage, place = divmod(int(index), 7)
    conv, layer = divmod(place, 3)
    kind = "conv" if layer == 0 else "bn"
    return f"backbone.features.{3 * stage + conv}.{kind}.{tail}"


_DENSENET_NAMES = (
    (r"classifier\.", r"head.fc."),
    (r"features\.conv0\.", r"backbone.stem.0."),
    (r"features\.norm0\.", r"backbone.stem.1."),
    (r"features\.norm5\.", r"backbone.transitions.3.0."),
)


def densenet121(name: str) -> str:
    """Return MMPretrain's name of a tensor of torchvision's DenseNet-121."""
    for pattern, place in _DENSENET_NAMES:
        if re.match(pattern, name):
            return re.sub(pattern, place, name)
    if match := re.fullmatch(r"features\.transition(\d)\.(.*)", name):
        return f"backbone.transitions.{int(match[1]) - 1}.{match[2]}"
    # The file has `norm.1`, torchvision's model `norm1`.
    pattern = r"features\.denseblock(\d)\.denselayer(\d+)\.(norm|conv)\.?([12])\.(.*)"
    block, layer, kind, number, tail = re.fullmatch(pattern, name).groups()
    place = f"backbone.stages.{int(block) - 1}.block.{int(layer) - 1}"
    return f"{place}.{kind}{number}.{tail}"


_VIT_NAMES = {
    "class_token": "backbone.cls_token",
    "encoder.pos_embedding": "backbone.pos_embed",
    "conv_proj.": "backbone.patch_embed.projection.",
    "encoder.ln.": "backbone.ln1.",
    "heads.head.": "head.fc.",
}
_VIT_BLOCK_NAMES = {
    "ln_1.": "ln1.",
    "ln_2.": "ln2.",
    "self_attention.in_proj_": "attn.qkv.",
    "self_attention.out_proj.": "attn.proj.",
    "mlp.0.": "ffn.layers.0.0.",
    "mlp.3.": "ffn.layers.1.",
    # As the files have them.
    "mlp.linear_1.": "ffn.layers.0.0.",
    "mlp.linear_2.": "ffn.layers.1.",
}


def vit(name: str) -> str:
    """Return MMPretrain's name of a tensor of torchvision's Vision Transformer."""
    prefix, block_names = "", _VIT_NAMES
    if match := re.fullmatch(r"encoder\.layers\.encoder_layer_(\d+)\.(.*)", name):
        prefix, block_names = f"backbone.layers.{match[1]}.", _VIT_BLOCK_NAMES
        name = match[2]
    (start,) = (start for start in block_names if name.startswith(start))
    return prefix + block_names[start] + name.removeprefix(start)
