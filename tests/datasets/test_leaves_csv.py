import pickle

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from mmleaves.datasets import LeavesCSV
from mmleaves.datasets.image_header import check_headers
from mmleaves.registry import DATASETS


@pytest.fixture
def write(tmp_path):
    def write_csv(text: str | bytes) -> str:
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "train.csv").write_bytes(data)
        return str(tmp_path)

    return write_csv


def pairs(dataset: LeavesCSV) -> list[tuple[str, int]]:
    items = (dataset.get_data_info(i) for i in range(len(dataset)))
    return [(item["img_path"], item["gt_label"]) for item in items]


def names(dataset: LeavesCSV) -> list[str]:
    return [path.rpartition("/")[2] for path, _ in pairs(dataset)]


def test_kaggles_file_gives_its_classes_sorted_and_every_row(real_data):
    dataset = LeavesCSV(str(real_data / "leaves_kaggle_csv"), part="all")
    classes = dataset.metainfo["classes"]
    assert (len(dataset), len(classes)) == (18353, 176)
    assert classes == tuple(sorted(classes))
    path, label = pairs(dataset)[0]
    assert path.endswith("leaves_kaggle_csv/images/0.jpg")
    assert classes[label] == "maclura_pomifera"


def test_a_config_builds_it_by_name(real_data):
    config = dict(type="mmleaves.LeavesCSV", data_root=str(real_data / "leaves"))
    assert DATASETS.build(config).metainfo["classes"][0] == "acer"


def test_classes_are_known_before_the_rows_are_loaded(real_data):
    folder = str(real_data / "leaves")
    lazy = LeavesCSV(folder, part="val", lazy_init=True)
    assert not lazy._fully_initialized
    assert lazy.metainfo["classes"] == LeavesCSV(folder).metainfo["classes"]


def test_folds_are_disjoint_complete_and_have_the_same_classes(real_data):
    folder = str(real_data / "leaves")
    everything = set(pairs(LeavesCSV(folder, part="all")))
    held_out = []
    for fold in range(5):
        train = LeavesCSV(folder, part="train", fold=fold)
        val = LeavesCSV(folder, part="val", fold=fold)
        assert train.metainfo["classes"] == val.metainfo["classes"]
        assert set(pairs(train)) | set(pairs(val)) == everything
        assert not set(pairs(train)) & set(pairs(val))
        assert set(train.get_gt_labels()) == set(range(27))
        held_out += pairs(val)
    assert sorted(held_out) == sorted(everything)


def test_folds_are_those_of_scikit_learn_on_the_labels_in_file_order(real_data):
    folder = str(real_data / "leaves")
    labels = LeavesCSV(folder, part="all").get_gt_labels()
    splitter = StratifiedKFold(4, shuffle=True, random_state=3)
    expected = [val for _, val in splitter.split(labels, labels)][2]
    paths = np.array([path for path, _ in pairs(LeavesCSV(folder, part="all"))])
    val = LeavesCSV(folder, part="val", folds=4, fold=2, split_seed=3)
    assert [path for path, _ in pairs(val)] == paths[expected].tolist()


def test_another_seed_gives_other_folds(real_data):
    folder = str(real_data / "leaves")
    first = LeavesCSV(folder, part="val", split_seed=0)
    assert pairs(first) != pairs(LeavesCSV(folder, part="val", split_seed=1))


def test_given_classes_fix_the_order(write):
    folder = write("image,label\n0.jpg,quercus\n1.jpg,acer\n")
    dataset = LeavesCSV(folder, part="all", classes=["quercus", "tilia", "acer"])
    assert dataset.metainfo["classes"] == ("quercus", "tilia", "acer")
    assert dataset.get_gt_labels().tolist() == [0, 2]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffimage,label\n0.jpg,acer\n1.jpg,tilia\n",
        "image,label\r\n0.jpg,acer\r\n1.jpg,tilia\r\n",
        '"image","label"\n"0.jpg","acer"\n"1.jpg","tilia"\n',
        " image , label \n0.jpg, acer\n1.jpg,tilia \n",
        "image,label\n0.jpg,acer\n\n1.jpg,tilia\n\n",
        "label,width,image\nacer,224,0.jpg\ntilia,224,1.jpg",
        "image,label\n./0.jpg,acer\nx/..//1.jpg,tilia\n",
    ],
    ids=["BOM", "CRLF", "quotes", "spaces", "blank lines", "more columns", "dots"],
)
def test_a_file_as_people_write_it_is_read_alike(write, text):
    folder = write(text)
    dataset = LeavesCSV(folder, part="all")
    assert dataset.metainfo["classes"] == ("acer", "tilia")
    assert pairs(dataset) == [(f"{folder}/0.jpg", 0), (f"{folder}/1.jpg", 1)]


def test_a_quoted_label_may_hold_a_comma_and_chinese(write):
    folder = write('image,label\n0.jpg,"acer, rubrum"\n1.jpg,银杏\n')
    assert LeavesCSV(folder, part="all").metainfo["classes"] == ("acer, rubrum", "银杏")


def test_accents_encoded_in_two_ways_are_one_class(write):
    folder = write("image,label\n0.jpg,e\u0301rable\n1.jpg,\u00e9rable\n")
    assert LeavesCSV(folder, part="all").metainfo["classes"] == ("\u00e9rable",)


def test_a_backslash_separates_folders_too(write):
    folder = write("image,label\nimages\\0.jpg,acer\n")
    assert pairs(LeavesCSV(folder, part="all")) == [(f"{folder}/images/0.jpg", 0)]


def test_a_repeated_row_counts_once_and_is_logged_in_one_line(write, log):
    folder = write("image,label\n" + "0.jpg,acer\n" * 3 + "1.jpg,tilia\n")
    assert names(LeavesCSV(folder, part="all")) == ["0.jpg", "1.jpg"]
    [line] = log
    assert "train.csv: 2 rows name an image and label that an earlier row" in line


def test_the_only_image_of_a_class_is_in_training_in_every_fold(write, log):
    rows = [f"{i}.jpg,acer" for i in range(6)] + ["6.jpg,ginkgo"]
    folder = write("image,label\n" + "\n".join(rows))
    for fold in range(3):
        assert "6.jpg" in names(LeavesCSV(folder, folds=3, fold=fold))
        val = LeavesCSV(folder, folds=3, fold=fold, part="val")
        assert "6.jpg" not in names(val) and len(val) == 2
    assert "1 of 2 classes have a single image, which is in training" in log[0]


def test_a_class_with_fewer_images_than_folds_keeps_some_in_training(write):
    rows = [f"{i}.jpg,acer" for i in range(8)] + ["8.jpg,tilia", "9.jpg,tilia"]
    folder = write("image,label\n" + "\n".join(rows))
    for fold in range(5):
        assert set(LeavesCSV(folder, fold=fold).get_gt_labels()) == {0, 1}


def test_a_missing_image_is_reported_with_its_line(write):
    folder = write("image,label\n\n0.jpg,acer\n")
    dataset = LeavesCSV(folder, part="all")
    paths = [path for path, _ in pairs(dataset)]
    [problem] = check_headers(paths, source_of=dataset.source_of)
    expected = f"{folder}/0.jpg ({folder}/train.csv, line 3): found no such file"
    assert problem.startswith(expected)


def test_it_goes_to_worker_processes(real_data):
    dataset = LeavesCSV(str(real_data / "leaves"))
    assert len(pickle.loads(pickle.dumps(dataset))) == len(dataset)


HEADER = "image,label\n0.jpg,acer\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "picture,label\n0.jpg,acer\n",
            r"train\.csv, line 1: found the columns 'picture', 'label', expected "
            r"'image' among them\. .* set `image_column`",
        ),
        (
            "image;label\n0.jpg;acer\n",
            r"train\.csv, line 1: found fields separated by semicolons \(';'\), "
            r"expected commas",
        ),
        ("image\tlabel\n0.jpg\tacer\n", r"line 1: found fields separated by tabs"),
        (
            "image,label,label\n0.jpg,acer,acer\n",
            r"line 1: found the column 'label' 2 times, expected it once",
        ),
        (
            HEADER + "1.jpg,\n",
            r"train\.csv, line 3: found no 'label', expected a class name",
        ),
        (
            HEADER + " ,acer\n",
            r"train\.csv, line 3: found no 'image', expected an image's path",
        ),
        (
            HEADER + "\n0.jpg,tilia\n",
            r"line 4: found '0\.jpg' with the label 'tilia', expected 'acer' as in "
            r"line 2\. Take out",
        ),
        (
            HEADER + "/data/1.jpg,acer\n",
            r"line 3: found the absolute path '/data/1\.jpg', expected a path below",
        ),
        (HEADER + "C:\\1.jpg,acer\n", r"line 3: found the absolute path 'C:"),
        (
            HEADER + "a/../../1.jpg,acer\n",
            r"line 3: found 'a/\.\./\.\./1\.jpg', which leaves the data root",
        ),
        (HEADER + "1.jpg\n", r"line 3: found 1 fields, expected 2 \(image,label\)"),
        (
            HEADER + "1.jpg,acer,rubrum\n",
            r"line 3: found 3 fields, expected 2 .* quotes around a field with a comma",
        ),
        (
            HEADER + '1.jpg,"acer\n2.jpg,tilia\n',
            r"line 3: found a field that is quoted",
        ),
        ("image,label\n", r"train\.csv, line 2: found no rows below the header"),
        ("", r"train\.csv, line 1: found an empty file, expected a header with image"),
        (
            HEADER.encode() + "1.jpg,érable\n".encode("latin-1"),
            r"train\.csv, line 3: found the byte 0xe9, expected UTF-8 text",
        ),
        (HEADER.encode("utf-16"), r"train\.csv, line 1: found UTF-16 text"),
        (HEADER + "1.jpg,ac\0er\n", r"train\.csv, line 3: found a zero byte"),
    ],
)
def test_a_row_that_cannot_be_taken_is_refused_with_its_line(write, text, message):
    with pytest.raises(ValueError, match=message):
        LeavesCSV(write(text), part="all")


def test_an_unknown_label_is_refused_with_the_nearest_class(write):
    folder = write(HEADER + "1.jpg,tillia\n")
    message = (
        r"train\.csv, line 3: found the label 'tillia', expected one of the 2 in "
        r"`classes`, of which 'tilia' is the nearest"
    )
    with pytest.raises(ValueError, match=message):
        LeavesCSV(folder, classes=["acer", "tilia"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"part": "valid"}, r"found part='valid', expected one of .* mean 'val'\?"),
        ({"fold": 5}, r"train\.csv: found fold=5, expected 0 to 4, as folds=5"),
        ({"folds": 1}, r"train\.csv: found folds=1, expected 2 or more"),
        ({"folds": 46}, r"found 45 images in the largest class, expected at least"),
        ({"split_seed": -1}, r"found split_seed=-1, expected a whole number from 0"),
        ({"classes": ["acer", "acer"]}, r"`classes`: found 'acer' 2 times"),
        ({"classes": ["acer", 3]}, r"`classes`: found 3, expected names only"),
    ],
)
def test_an_option_that_cannot_be_is_refused(real_data, options, message):
    with pytest.raises(ValueError, match=message):
        LeavesCSV(str(real_data / "leaves"), **options)


def test_another_files_classes_number_the_labels_and_what_lacks_is_said(
    tmp_path, write, log
):
    folder = write("image,label\n0.jpg,acer\n1.jpg,quercus\n2.jpg,tilia\n")
    (tmp_path / "val.csv").write_text("image,label\n3.jpg,tilia\n4.jpg,acer\n")
    options = dict(part="all", classes_from="train.csv")
    val = LeavesCSV(folder, "val.csv", **options)
    assert val.metainfo["classes"] == ("acer", "quercus", "tilia")
    assert val.get_gt_labels().tolist() == [2, 0]
    assert "val.csv: 1 of 3 classes have no image here: 'quercus'." in log[-1]
    (tmp_path / "val.csv").write_text("image,label\n3.jpg,tilia\n4.jpg,acre\n")
    message = r"val\.csv, line 3: .*'acre', expected one of the 3 in train\.csv, of whi"
    with pytest.raises(ValueError, match=message):
        LeavesCSV(folder, "val.csv", **options)
    with pytest.raises(ValueError, match="found both classes and classes_from"):
        LeavesCSV(folder, "val.csv", classes=["acer"], **options)


def test_accents_in_a_path_are_found_as_the_files_name_has_them(write, tmp_path):
    (tmp_path / "cafe\u0301.jpg").touch()
    (tmp_path / "th\u00e9.jpg").touch()
    folder = write("image,label\ncaf\u00e9.jpg,acer\nthe\u0301.jpg,tilia\n")
    dataset = LeavesCSV(folder, part="all")
    assert check_headers([path for path, _ in pairs(dataset)]) == [
        f"{folder}/cafe\u0301.jpg: found an empty file (0 bytes), expected an image",
        f"{folder}/th\u00e9.jpg: found an empty file (0 bytes), expected an image",
    ]


def test_a_label_nan_is_a_class_only_if_it_is_named(write):
    folder = write(HEADER + "1.jpg,naan\n2.jpg,NaN\n")
    with pytest.raises(ValueError, match=r"train\.csv, line 4: found the label 'NaN'"):
        LeavesCSV(folder, part="all")
    given = LeavesCSV(folder, part="all", classes=["NaN", "acer", "naan"])
    assert given.get_gt_labels().tolist() == [1, 2, 0]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train\.csv: found no such file"):
        LeavesCSV(str(tmp_path))


def test_a_file_with_one_class_cannot_be_trained_on(write):
    folder = write("image,label\n0.jpg,acer\n1.jpg,acer\n")
    with pytest.raises(ValueError, match=r"train\.csv: found one class only, 'acer'"):
        LeavesCSV(folder)
