import pytest

from mmleaves.datasets import BenignMalignant, CaltechFolders, LeavesCSV


@pytest.mark.parametrize(
    ("dataset", "name", "messages"),
    [
        (
            CaltechFolders,
            "101_ObjectCategories",
            [
                r"found no such folder, expected the folder of Caltech-101\. Get ",
                r"caltech-101\.zip from https://data\.caltech\.edu/records/mzrjq-6wc02",
                r"unpack the 101_ObjectCategories\.tar\.gz inside it so that it is ",
                r"make_sample\.py --layout caltech --per-class 40 \S*/101_ObjectCat",
            ],
        ),
        (
            LeavesCSV,
            "leaves",
            [
                r"`kaggle competitions download -c classify-leaves`",
                r"`python tools/make_sample\.py --layout leaves \S*/leaves` draws a s",
            ],
        ),
        (
            BenignMalignant,
            "busi",
            [
                r"scholar\.cu\.edu\.eg.*\"breast-ultrasound-images-dataset\"",
                r"tools/make_sample\.py --layout benign_malignant \S*/busi` draws",
            ],
        ),
        (
            CaltechFolders,
            "my leaves",
            [
                r"my leaves: found no such folder, expected a folder with one folder",
                r"Correct `data_root`\. To try without it, .*--per-class 40 '\S*/my l",
            ],
        ),
    ],
)
def test_a_missing_folder_says_how_to_get_its_data(tmp_path, dataset, name, messages):
    with pytest.raises(FileNotFoundError) as error:
        dataset(str(tmp_path / name))
    for message in messages:
        assert error.match(message)


def test_an_archive_is_to_be_unpacked(tmp_path):
    archive = tmp_path / "101_ObjectCategories.tar.gz"
    archive.write_bytes(b"\x1f\x8b")
    message = r"found a file, expected the folder of Caltech-101\. .*mmleaves unp"
    with pytest.raises(NotADirectoryError, match=message):
        CaltechFolders(str(archive))


def test_the_users_own_folder_may_be_written_with_a_tilde(make_folders, monkeypatch):
    root = make_folders({"acer": 1, "tilia": 1})
    monkeypatch.setenv("HOME", str(root.parent))
    assert len(CaltechFolders("~/set", part="all")) == 2
