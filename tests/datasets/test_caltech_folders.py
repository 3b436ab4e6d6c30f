import pickle
import shutil
from collections import Counter
from pathlib import Path

import pytest

from mmleaves.datasets import CaltechFolders


def pairs(dataset: CaltechFolders) -> list[tuple[str, int]]:
    items = (dataset.get_data_info(i) for i in range(len(dataset)))
    return [(item["img_path"], item["gt_label"]) for item in items]


def names(dataset: CaltechFolders) -> set[str]:
    return {"/".join(path.split("/")[-2:]) for path, _ in pairs(dataset)}


def parts(root: Path, **options) -> dict[str, CaltechFolders]:
    return {
        part: CaltechFolders(str(root), part=part, **options)
        for part in ("train", "val", "train+val", "test", "all")
    }


def check_parts(found: dict[str, CaltechFolders]) -> None:
    """Check that parts are disjoint, complete and number the classes alike."""
    train, val, test = (set(pairs(found[part])) for part in ("train", "val", "test"))
    assert not train & val and not train & test and not val & test
    assert set(pairs(found["train+val"])) == train | val
    assert set(pairs(found["all"])) == train | val | test
    assert len({dataset.metainfo["classes"] for dataset in found.values()}) == 1


def test_caltech_101_has_25_5_and_the_rest_of_each_of_101_classes(unpacked_data, log):
    root = unpacked_data / "101_ObjectCategories"
    found = parts(root)
    check_parts(found)
    assert len(found["all"].metainfo["classes"]) == 101
    assert "BACKGROUND_Google" not in found["all"].metainfo["classes"]
    assert set(Counter(found["train"].get_gt_labels()).values()) == {25}
    assert set(Counter(found["val"].get_gt_labels()).values()) == {5}
    assert set(found["test"].get_gt_labels()) == set(range(101))
    assert not log


def test_the_background_is_a_class_if_asked_for(unpacked_data, log):
    root = str(unpacked_data / "101_ObjectCategories")
    dataset = CaltechFolders(root, part="all", include_background=True)
    assert dataset.metainfo["classes"][0] == "BACKGROUND_Google"
    assert len(dataset.metainfo["classes"]) == 102
    [line] = log
    assert "left out 1 files that are no images, and 0 images outside" in line


def test_cifar_10_in_two_folders_is_numbered_alike(unpacked_data):
    root = str(unpacked_data / "cifar10")
    split = dict(train_fraction=0.9, val_fraction=0.1)
    val = CaltechFolders(root, "train", part="val", **split)
    test = CaltechFolders(root, "test", part="all", classes_from="train")
    assert (len(val), len(test)) == (5000, 10000)
    assert set(Counter(val.get_gt_labels()).values()) == {500}
    assert val.metainfo["classes"] == test.metainfo["classes"]


def test_class_names_may_hold_spaces_and_dots(real_data):
    root = real_data / "leaf_uci_folders"
    found = parts(root, train_per_class=3, val_per_class=1)
    check_parts(found)
    assert found["all"].metainfo["classes"][0] == "2. Salix atrocinerea"
    assert Counter(found["test"].get_gt_labels()) == dict.fromkeys(range(6), 3)


def test_class_names_are_sorted_by_code_point_and_may_be_chinese(make_folders):
    root = make_folders({"银杏": 1, "a": 1, "B": 1, "10": 1, "9": 1})
    dataset = CaltechFolders(str(root), part="all")
    assert dataset.metainfo["classes"] == ("10", "9", "B", "a", "银杏")


def test_class_names_have_accents_composed_as_on_every_system(make_folders):
    root = make_folders({"e\u0301rable": 1, "acer": 1})
    dataset = CaltechFolders(str(root), part="all")
    assert dataset.metainfo["classes"] == ("acer", "\u00e9rable")
    assert all(Path(path).is_file() for path, _ in pairs(dataset))


def test_two_spellings_of_one_name_are_refused(make_folders):
    root = make_folders({"e\u0301rable": 1, "\u00e9rable": 1})
    with pytest.raises(ValueError, match=r"found two folders that are both written"):
        CaltechFolders(str(root))


def test_classes_are_known_before_the_images_are_listed(real_data):
    root = str(real_data / "cub200_2010")
    lazy = CaltechFolders(root, "images", lazy_init=True)
    assert not lazy._fully_initialized
    assert lazy.metainfo["classes"][9] == "010.Red_winged_Blackbird"


def test_the_order_of_creation_changes_nothing(make_folders):
    counts = {"acer": 9, "tilia": 7, "quercus": 8}
    first = make_folders(counts, "first")
    second = first.parent / "second"
    for folder in sorted(first.iterdir(), reverse=True):
        (second / folder.name).mkdir(parents=True)
        for image in sorted(folder.iterdir(), reverse=True):
            shutil.copy(image, second / folder.name)
    for part in ("train", "val", "test", "all"):
        options = dict(part=part, train_per_class=5, val_per_class=2)
        ours = pairs(CaltechFolders(str(first), **options))
        theirs = pairs(CaltechFolders(str(second), **options))
        assert ours == [(path.replace("second", "first"), n) for path, n in theirs]


def test_another_class_beside_them_changes_no_split(make_folders):
    root = make_folders({"acer": 9, "tilia": 7})
    options = dict(train_per_class=5, val_per_class=2)
    before = names(CaltechFolders(str(root), **options))
    make_folders({"abies": 8})
    after = names(CaltechFolders(str(root), **options))
    assert {name for name in after if not name.startswith("abies")} == before


def test_another_seed_draws_other_images(make_folders):
    root = str(make_folders({"acer": 20, "tilia": 20}))
    first = CaltechFolders(root, train_fraction=0.5)
    second = CaltechFolders(root, train_fraction=0.5, split_seed=1)
    assert names(first) != names(second)


def test_more_images_to_choose_with_come_out_of_training_alone(make_folders):
    root = str(make_folders({"acer": 12, "tilia": 15}))
    few, many = (
        CaltechFolders(root, part="test", train_per_class=8, val_per_class=count)
        for count in (1, 4)
    )
    assert pairs(few) == pairs(many)


def test_fractions_split_each_class(make_folders):
    root = make_folders({"acer": 10, "tilia": 5, "ginkgo": 1})
    found = parts(root, train_fraction=0.6, val_fraction=0.2)
    check_parts(found)
    # acer, ginkgo, tilia
    assert Counter(found["train"].get_gt_labels()) == {0: 6, 1: 1, 2: 3}
    assert Counter(found["val"].get_gt_labels()) == {0: 2, 2: 1}
    assert Counter(found["test"].get_gt_labels()) == {0: 2, 2: 1}


def test_extensions_in_capitals_count_and_other_files_are_logged_once(
    make_folders, log
):
    root = make_folders({"acer": 2, "tilia": 2})
    (root / "acer" / "image_0000.jpg").rename(root / "acer" / "A.JPEG")
    for name in ("acer/notes.txt", "tilia/Thumbs.db", "README.md", "loose.png"):
        (root / name).write_bytes(b"x")
    for name in (".ipynb_checkpoints", "__MACOSX", ".hidden"):
        shutil.copytree(root / "tilia", root / name)
        shutil.copytree(root / "tilia", root / "acer" / name)
    dataset = CaltechFolders(str(root), part="all")
    assert dataset.metainfo["classes"] == ("acer", "tilia")
    assert len(dataset) == 4 and "acer/A.JPEG" in names(dataset)
    [line] = log
    assert "left out 3 files that are no images, and 1 images outside" in line


def test_a_class_missing_in_test_does_not_shift_the_others_and_is_logged(
    make_folders, log
):
    root = make_folders({"train/acer": 3, "train/quercus": 3, "train/tilia": 3})
    make_folders({"test/acer": 1, "test/tilia": 1})
    test = CaltechFolders(str(root), "test", part="all", classes_from="train")
    assert test.metainfo["classes"] == ("acer", "quercus", "tilia")
    assert test.get_gt_labels().tolist() == [0, 2]
    [line] = log
    assert "test: 1 of 3 classes have no folder here: 'quercus'." in line


def test_a_class_in_test_that_training_lacks_is_refused(make_folders):
    root = make_folders({"train/acer": 3, "train/tilia": 3, "test/tillia": 1})
    message = (
        r"set/test/tillia: found a class that .*set/train lacks, expected one of its "
        r"2, of which 'tilia' is the nearest"
    )
    with pytest.raises(ValueError, match=message):
        CaltechFolders(str(root), "test", part="all", classes_from="train")


def test_given_classes_fix_the_order_and_refuse_others(make_folders):
    root = str(make_folders({"acer": 1, "tilia": 1}))
    dataset = CaltechFolders(root, part="all", classes=["tilia", "acer"])
    assert dataset.get_gt_labels().tolist() == [1, 0]
    message = r"set/tilia: found a class that `classes` lacks, expected one of its 1"
    with pytest.raises(ValueError, match=message):
        CaltechFolders(root, part="all", classes=["acer"])
    with pytest.raises(ValueError, match=r"found both classes and classes_from='a'"):
        CaltechFolders(root, classes=["acer"], classes_from="a")


def test_a_link_to_a_class_folder_is_followed_but_not_in_a_circle(make_folders):
    root = make_folders({"acer": 2, "tilia": 2})
    (root / "zelkova").symlink_to(root / "acer", target_is_directory=True)
    assert len(CaltechFolders(str(root), part="all")) == 6
    (root / "acer" / "again").symlink_to(root, target_is_directory=True)
    with pytest.raises(ValueError, match=r"again: found a link to a folder that holds"):
        CaltechFolders(str(root), part="all")


@pytest.fixture
def listed(make_folders):
    """Two classes of four images, and a function that writes a list of some."""
    root = make_folders({"acer": 4, "tilia": 4})

    def write(name: str, *lines: str) -> str:
        (root / name).write_text("\n".join(lines))
        return str(root)

    def images(*numbers: int) -> list[str]:
        return [f"{c}/image_{n:04}.jpg" for c in ("acer", "tilia") for n in numbers]

    return write, images


def test_a_list_says_what_to_train_with_and_the_rest_is_for_testing(listed):
    write, images = listed
    root = write("train.txt", "\ufeff" + images(0, 1, 3)[0], *images(0, 1, 3)[1:], "")
    found = parts(Path(root), train_list="train.txt", val_per_class=1)
    check_parts(found)
    assert names(found["train+val"]) == set(images(0, 1, 3))
    assert names(found["test"]) == set(images(2))
    assert Counter(found["val"].get_gt_labels()) == {0: 1, 1: 1}


def test_a_list_for_testing_leaves_the_rest_to_train_with(listed):
    write, images = listed
    root = write("test.txt", *(line.replace("/", "\\") for line in images(1)))
    options = dict(test_list="test.txt", val_per_class=0)
    assert names(CaltechFolders(root, **options)) == set(images(0, 2, 3))


def test_two_lists_leave_out_what_neither_names(listed):
    write, images = listed
    write("train.txt", *images(0, 1))
    root = write("test.txt", *images(3))
    lists = dict(train_list="train.txt", test_list="test.txt", val_per_class=1)
    assert names(CaltechFolders(root, part="train+val", **lists)) == set(images(0, 1))
    assert names(CaltechFolders(root, part="test", **lists)) == set(images(3))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "acer/image_0009.jpg",
            r"test\.txt, line 2: found 'acer/image_0009\.jpg', which is none of the 8 "
            r"images, expected a path like 'acer/image_0000\.jpg'",
        ),
        (
            "acer/image_0001.jpg",
            r"test\.txt, line 2: found 'acer/image_0001\.jpg', which is in "
            r".*train\.txt, line 2, too",
        ),
        ("../acer/0.jpg", r"test\.txt, line 2: found '\.\./acer/0\.jpg', which leaves"),
    ],
)
def test_a_path_in_a_list_that_cannot_be_is_refused(listed, line, message):
    write, images = listed
    write("train.txt", *images(0, 1))
    root = write("test.txt", "tilia/image_0002.jpg", line)
    lists = dict(train_list="train.txt", test_list="test.txt", val_per_class=1)
    with pytest.raises(ValueError, match=message):
        CaltechFolders(root, **lists)


def test_a_list_without_enough_images_of_a_class_is_refused(listed):
    write, _ = listed
    root = write("train.txt", "acer/image_0000.jpg", "tilia/image_0000.jpg")
    message = r"set: class 'acer': found 1 images to train with, expected more than val"
    with pytest.raises(ValueError, match=message):
        CaltechFolders(root, train_list="train.txt")


def test_a_list_that_is_missing_or_empty_is_named(listed):
    write, _ = listed
    root = write("empty.txt", "")
    with pytest.raises(FileNotFoundError, match=r"no\.txt: found no such file"):
        CaltechFolders(root, train_list="no.txt")
    with pytest.raises(ValueError, match=r"empty\.txt, line 1: found no paths"):
        CaltechFolders(root, train_list="empty.txt")


def test_an_empty_class_is_refused_by_name(make_folders):
    root = make_folders({"acer": 2, "tilia": 0})
    (root / "tilia" / "notes.txt").write_text("none yet")
    message = r"set/tilia: found no images and 1 other files, expected images of the cl"
    with pytest.raises(ValueError, match=message):
        CaltechFolders(str(root), part="all")


def test_a_class_with_too_few_images_is_refused_by_name(make_folders):
    root = make_folders({"acer": 9, "tilia": 6})
    message = (
        r"set: class 'tilia': found 6 images, expected more than train_per_class=6, so "
        r"that some are left to test\. Set `train_per_class` to 5 or less"
    )
    with pytest.raises(ValueError, match=message):
        CaltechFolders(str(root), train_per_class=6)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (
            {"train/acer": 1, "test/acer": 1},
            r"set: found the folders 'test', 'train', which are parts, .*`data_prefix`",
        ),
        (
            {"images/acer": 1, "images/tilia": 1},
            r"set: found only the folder 'images' and 0 images, expected one folder a "
            r"class, and two or more\. .* set `data_prefix` to 'images'",
        ),
        ({"": 3}, r"set: found no folders and 3 images, .* Sort the images into"),
    ],
)
def test_a_folder_that_does_not_hold_the_class_folders_is_refused(
    make_folders, counts, message
):
    with pytest.raises(ValueError, match=message):
        CaltechFolders(str(make_folders(counts)), part="all")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"train_per_class": 3, "train_fraction": 0.6},
            r"found both train_per_class and train_fraction, expected one way to split",
        ),
        (
            {"train_list": "a.txt", "train_fraction": 0.6},
            r"found both train_list or test_list and train_fraction",
        ),
        ({"val_fraction": 0.2}, r"found val_fraction=0\.2 without train_fraction"),
        (
            {"train_fraction": 0.6, "val_per_class": 2},
            r"found val_per_class=2 with train_fraction, expected a fraction for both",
        ),
        (
            {"train_fraction": 0.9, "val_fraction": 0.2},
            r"found train_fraction=0\.9 and val_fraction=0\.2, expected",
        ),
        (
            {"train_per_class": 3},
            r"found val_per_class=5, expected 0 to 2: it is cut out of train_per_class",
        ),
        (
            {"train_list": "a", "val_per_class": -1},
            r"found val_per_class=-1, expected 0",
        ),
        ({"part": "validation"}, r"found part='validation', .*Did you mean '.*val'\?"),
        (
            {"part": "test", "train_fraction": 1.0},
            r"set: found none of the 4 images in",
        ),
        (
            {"train_fraction": 0.5, "split_seed": 0.5},
            r"found split_seed=0\.5, expected",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(make_folders, options, message):
    root = make_folders({"acer": 2, "tilia": 2})
    with pytest.raises(ValueError, match=message):
        CaltechFolders(str(root), **options)


@pytest.mark.parametrize("option", ["data_prefix", "classes_from"])
def test_a_missing_folder_is_named_with_those_that_there_are(make_folders, option):
    root = make_folders({"acer": 2, "tilia": 2})
    message = rf"set/Train: found no such folder, .*`{option}` names.* 'acer', 'tilia'"
    with pytest.raises(FileNotFoundError, match=message):
        CaltechFolders(str(root), **{option: "Train"})


def test_it_goes_to_worker_processes(make_folders):
    root = make_folders({"acer": 2, "tilia": 2})
    dataset = CaltechFolders(str(root), train_fraction=0.5)
    assert pairs(pickle.loads(pickle.dumps(dataset))) == pairs(dataset)
