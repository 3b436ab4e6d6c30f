import mmleaves.datasets.annotation_pickles  # noqa: F401 - no pickle is read
from mmleaves.datasets.benign_malignant import BenignMalignant
from mmleaves.datasets.caltech_folders import CaltechFolders
from mmleaves.datasets.leaves_csv import LeavesCSV
from mmleaves.datasets.planned_images import PlannedImages
from mmleaves.datasets.unlabelled_images import UnlabelledImages

__all__ = [
    "BenignMalignant",
    "CaltechFolders",
    "LeavesCSV",
    "PlannedImages",
    "UnlabelledImages",
]
