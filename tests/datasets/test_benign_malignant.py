import shutil
from collections import Counter

import pytest

from mmleaves.datasets import BenignMalignant


def pairs(dataset: BenignMalignant) -> list[tuple[str, int]]:
    items = (dataset.get_data_info(i) for i in range(len(dataset)))
    return [(item["img_path"], item["gt_label"]) for item in items]


def test_busi_has_286_benign_and_142_malignant_to_train_with(real_data):
    dataset = BenignMalignant(str(real_data / "busi"), part="all")
    assert dataset.metainfo["classes"] == ("benign", "malignant")
    assert Counter(dataset.get_gt_labels()) == {0: 286, 1: 142}
    assert all(f"/{('benign', 'malignant')[n]} (" in p for p, n in pairs(dataset))
    test = BenignMalignant(str(real_data / "busi"), "test", part="all")
    assert Counter(test.get_gt_labels()) == {0: 20, 1: 13}


def test_folds_are_disjoint_complete_and_even(real_data):
    root = str(real_data / "busi")
    everything = pairs(BenignMalignant(root, part="all"))
    held_out = []
    for fold in range(5):
        train = BenignMalignant(root, part="train", fold=fold)
        val = BenignMalignant(root, part="val", fold=fold)
        assert sorted(pairs(train) + pairs(val)) == sorted(everything)
        assert Counter(val.get_gt_labels())[1] in (28, 29)
        held_out += pairs(val)
    assert sorted(held_out) == sorted(everything)


def test_the_order_of_creation_changes_nothing(make_folders):
    first = make_folders({"train/b": 6, "train/m": 6}, "first")
    second = first.parent / "second"
    for name in ("m", "b"):
        (second / "train" / name).mkdir(parents=True)
        for image in sorted((first / "train" / name).iterdir(), reverse=True):
            shutil.copy(image, second / "train" / name)
    for part in ("train", "val", "all"):
        ours = pairs(BenignMalignant(str(first), part=part))
        theirs = pairs(BenignMalignant(str(second), part=part))
        assert ours == [(path.replace("second", "first"), n) for path, n in theirs]


@pytest.mark.parametrize(
    ("benign", "malignant", "aliases"),
    [
        ("Negative", "CANCER", None),
        ("neg", "M", None),
        ("良性", "恶性", None),
        ("gutartig", "Krebs", {"malignant": ["krebs"], "benign": ["Gutartig"]}),
        ("gutartig", "krebs", {"malignant": "krebs", "benign": "gutartig"}),
        ("positive", "b", {"malignant": ["b"], "benign": ["positive"]}),
    ],
)
def test_benign_is_0_whatever_the_folders_are_called(
    make_folders, benign, malignant, aliases
):
    root = make_folders({f"train/{benign}": 2, f"train/{malignant}": 1})
    dataset = BenignMalignant(str(root), part="all", aliases=aliases)
    assert dataset.get_gt_labels().tolist() == [0, 0, 1]


def test_the_log_says_which_folder_and_which_weight_is_malignants(make_folders, log):
    root = make_folders({"train/healthy": 1, "train/cancer": 1})
    dataset = BenignMalignant(str(root), part="all")
    [line] = log
    assert (
        "train: 'healthy' is benign (0), 'cancer' is malignant (1); malignant (1) is "
        "the positive class. Of two class weights, the first is for benign, the second "
        "for malignant."
    ) in line
    assert dataset.metainfo["positive"] == "malignant"


def test_masks_beside_their_images_are_left_out(make_folders, log):
    root = make_folders({"benign": 3, "malignant": 2})
    for name in ("image_0000_mask.jpg", "image_0000_mask_1.jpg", "face_mask.jpg"):
        shutil.copy(root / "benign" / "image_0000.jpg", root / "benign" / name)
    dataset = BenignMalignant(str(root), "", part="all")
    assert Counter(dataset.get_gt_labels()) == {0: 4, 1: 2}
    assert "benign: left out 0 files that are no images and 2 masks." in log[-1]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (
            {"benign": 1, "malignant": 1, "normal": 1},
            r"train/normal: found a folder neither benign nor malignant, expected one "
            r"called 'benign' or .* what it is: aliases={\"malignant\": \['normal'\]",
        ),
        (
            {"benign": 1, "healthy": 1, "malignant": 1},
            r"train: found 'benign' and 'healthy', both benign, expected one folder a",
        ),
        (
            {"benign": 1},
            r"train: found 'benign', expected a folder of malignant images too, called",
        ),
        ({"malignant": 1}, r"train: found 'malignant', expected a folder of benign"),
        (
            {"benign": 1, "malignant": 0},
            r"train/malignant: found no images and 0 other files, expected malignant",
        ),
        ({"benign": 3, "malignant": 3}, r"train: found 3 images in the largest class"),
    ],
)
def test_other_folders_are_refused(make_folders, counts, message):
    root = make_folders({f"train/{name}": count for name, count in counts.items()})
    with pytest.raises(ValueError, match=message):
        BenignMalignant(str(root))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"aliases": {"normal": ["n"]}},
            r"`aliases`: found 'normal', expected 'benign'",
        ),
        (
            {"aliases": {"benign": ["x"], "malignant": ["X"]}},
            r"`aliases`: found 'X' for both classes",
        ),
        ({"positive": "cancer"}, r"found positive='cancer', expected 'benign' or"),
        (
            {"classes": ["malignant", "benign"]},
            r"`classes`: found \('malignant', 'benign'\), expected none: benign is 0",
        ),
        ({"part": "test"}, r"found part='test', expected one of 'train', 'val', 'all'"),
        ({"fold": -1}, r"busi/train: found fold=-1, expected 0 to 4"),
    ],
)
def test_an_option_that_cannot_be_is_refused(real_data, options, message):
    with pytest.raises(ValueError, match=message):
        BenignMalignant(str(real_data / "busi"), **options)


def test_a_missing_folder_is_named_with_those_that_there_are(real_data):
    message = (
        r"busi/Train: found no such folder, .*`data_prefix` names.*'test', 'train'"
    )
    with pytest.raises(FileNotFoundError, match=message):
        BenignMalignant(str(real_data / "busi"), "Train")
