from mmleaves.models.attention_pooling_cls_head import AttentionPoolingClsHead
from mmleaves.models.biased_resnet18 import BiasedResNet18
from mmleaves.models.cross_attention_branches import CrossAttentionBranches
from mmleaves.models.extra_features_cls_head import ExtraFeaturesClsHead
from mmleaves.models.fusion_cls_head import FusionClsHead
from mmleaves.models.softmax_focal_loss import SoftmaxFocalLoss
from mmleaves.models.two_branches import TwoBranches
from mmleaves.models.vgg_head import VGGHead

__all__ = [
    "AttentionPoolingClsHead",
    "BiasedResNet18",
    "CrossAttentionBranches",
    "ExtraFeaturesClsHead",
    "FusionClsHead",
    "SoftmaxFocalLoss",
    "TwoBranches",
    "VGGHead",
]
