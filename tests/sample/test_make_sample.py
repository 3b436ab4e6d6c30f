import subprocess
import sys

import pytest

from mmleaves.commands.make_sample import main

SMALL = ["--layout", "caltech", "--per-class", "5", "--size", "32"]


def test_the_same_sample_is_kept_and_the_command_says_so(tmp_path, capsys):
    out = tmp_path / "new" / "sample"
    main([str(out), *SMALL])
    assert f"Drew 70 images into {out} (layout caltech)" in capsys.readouterr().out
    image = out / "acer_fictum" / "image_0001.jpg"
    written_ns = image.stat().st_mtime_ns
    main([str(out), *SMALL])
    assert "holds this sample already: kept its 70 images" in capsys.readouterr().out
    assert image.stat().st_mtime_ns == written_ns


def test_a_sample_with_other_settings_is_refused(tmp_path):
    main([str(tmp_path), *SMALL])
    message = (
        r"holds another sample: found .*seed 0.*; asked for .*seed 3.*delete this one"
    )
    with pytest.raises(FileExistsError, match=message):
        main([str(tmp_path), *SMALL, "--seed", "3", "--debug"])


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    message = "is not empty: it holds thesis.txt; expected a new or an empty folder"
    with pytest.raises(FileExistsError, match=message):
        main([str(tmp_path), *SMALL, "--debug"])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(FileExistsError, match="out is a file; expected a new or an em"):
        main([str(tmp_path / "out"), *SMALL, "--debug"])


def test_a_refusal_is_told_in_a_few_lines(tmp_path, capsys):
    (tmp_path / "out").write_text("")
    with pytest.raises(SystemExit) as end:
        main([str(tmp_path / "out"), *SMALL])
    assert end.value.code == 2
    assert "out is a file; expected a new" in capsys.readouterr().err


def test_reading_the_arguments_imports_nothing_heavy():
    code = (
        "import sys, mmleaves.commands.make_sample; "
        "print(sorted({'cv2', 'numpy', 'torch', 'mmengine'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
