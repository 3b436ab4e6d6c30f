import shutil

import pytest

from mmleaves.datasets import UnlabelledImages


def entries(dataset: UnlabelledImages) -> list[tuple[str, str]]:
    items = (dataset.get_data_info(i) for i in range(len(dataset)))
    return [(item["img_path"], item["image"]) for item in items]


def test_kaggles_test_file_gives_its_rows_in_order(real_data):
    folder = real_data / "leaves"
    found = entries(UnlabelledImages(str(folder), source="test.csv"))
    assert len(found) == 156
    assert found[0] == (f"{folder}/images/579.jpg", "images/579.jpg")


def test_without_a_root_paths_start_from_the_files_own_folder(real_data):
    folder = real_data / "leaves"
    found = entries(UnlabelledImages(source=f"{folder}/test.csv"))
    assert found == entries(UnlabelledImages(str(folder), source="test.csv"))


def test_the_name_stays_as_the_file_has_it(tmp_path):
    (tmp_path / "test.csv").write_text("id,image\n1,.\\a.jpg\n1,.\\a.jpg\n")
    found = entries(UnlabelledImages(str(tmp_path), source="test.csv"))
    assert found == [(f"{tmp_path}/a.jpg", ".\\a.jpg")] * 2


def test_a_folder_is_searched_at_any_depth_and_sorted(real_data):
    folder = real_data / "leaf_uci_folders"
    found = [image for _, image in entries(UnlabelledImages(source=str(folder)))]
    assert len(found) == 36
    assert found == sorted(found)
    assert found[0].startswith("2. Salix atrocinerea/") and found[0].endswith(".JPG")


def test_hidden_files_and_others_are_not_predicted(tmp_path, leaf_images):
    for name in ("b.JPG", "A.jpg", "._A.jpg", ".cache/c.jpg", "__MACOSX/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(leaf_images[0], tmp_path / name)
    (tmp_path / "notes.txt").write_text("leaves")
    found = entries(UnlabelledImages(source=str(tmp_path)))
    assert [image for _, image in found] == ["A.jpg", "b.JPG"]


def test_several_sources_are_taken_in_turn(real_data, leaf_images):
    first, last = str(leaf_images[0]), str(real_data / "leaf_uci_folders")
    dataset = UnlabelledImages(source=[first, f"{real_data}/leaves/test.csv", last])
    assert len(dataset) == 1 + 156 + 36
    assert entries(dataset)[0] == (first, leaf_images[0].name)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("no.csv", FileNotFoundError, r"no\.csv: found no such file, expected a CSV"),
        ("no", FileNotFoundError, r"no: found no such file or folder, expected a CSV"),
        ("empty", ValueError, r"empty: found no images and 1 other files, expected"),
        ("notes.txt", ValueError, r"notes\.txt: found a file that ends neither in"),
        ("x.csv", ValueError, r"x\.csv, line 1: found the columns 'id', expected 'im"),
        ("up.csv", ValueError, r"up\.csv, line 2: found '\.\./a\.jpg', which leaves"),
        ([], ValueError, r"`source`: found an empty list"),
    ],
)
def test_a_source_without_images_is_refused(tmp_path, source, error, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("leaves")
    (tmp_path / "notes.txt").write_text("leaves")
    (tmp_path / "x.csv").write_text("id\n1\n")
    (tmp_path / "up.csv").write_text("image\n../a.jpg\n")
    with pytest.raises(error, match=message):
        UnlabelledImages(str(tmp_path), source=source)
