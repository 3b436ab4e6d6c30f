from mmleaves.transforms.attach_features import AttachFeatures
from mmleaves.transforms.clahe import CLAHE
from mmleaves.transforms.color_jitter import ColorJitter
from mmleaves.transforms.cut_out import CutOut
from mmleaves.transforms.load_image import LoadImage
from mmleaves.transforms.pad_to_square import PadToSquare
from mmleaves.transforms.random_quarter_turn import RandomQuarterTurn

__all__ = [
    "CLAHE",
    "AttachFeatures",
    "ColorJitter",
    "CutOut",
    "LoadImage",
    "PadToSquare",
    "RandomQuarterTurn",
]
