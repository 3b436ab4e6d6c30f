"""Small files that would be gigabytes when decoded, and files that never end.

Each is refused by its header, by whatever reads images, in a process that may not grow.
"""

import io
import json
import os
import resource
import struct
import subprocess
import sys

import pytest
from PIL import Image
from tool_runs import ROOT

# Reads each file given as every reader does, and says how the process has grown.
READ = """
import json, resource, sys

from mmleaves.audit.reading import read_images
from mmleaves.datasets.image_header import check_headers
from mmleaves.transforms.load_image import read_image

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

before, told = peak_mb(), {}
for path in sys.argv[1:]:
    header = check_headers([path])
    try:
        loaded = list(read_image(path).shape)
    except ValueError as error:
        loaded = str(error)
    facts, problems = read_images([path], threads=1)
    audited = [facts[path].height_px, facts[path].width_px, 3] if facts else problems
    told[path] = [header, loaded, audited]
print(json.dumps([peak_mb() - before, told]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bombs")
    Image.new("1", (20_000, 20_000)).save(folder / "ones.png")
    written = io.BytesIO()
    Image.new("L", (16, 16)).save(written, "JPEG")
    jpeg = bytearray(written.getvalue())
    start = jpeg.index(b"\xff\xc0") + 5
    jpeg[start : start + 4] = struct.pack(">HH", 65_000, 65_000)
    (folder / "header.jpg").write_bytes(jpeg)
    # Sparse, so that it takes no room here.
    with (folder / "endless.bmp").open("wb") as file:
        Image.new("RGB", (16, 16)).save(file)
        file.truncate(5_000_000_000)
    os.mkfifo(folder / "pipe.png")
    return folder


def test_what_would_be_too_large_is_refused_by_its_header_in_little_memory(folder):
    written = io.BytesIO()
    Image.new("P", (16, 16)).save(written, "GIF")
    gif = written.getvalue()
    start = gif.index(b",", 13)
    frames = gif[:start] + 100_000 * gif[start:-1] + b";"
    (folder / "frames.gif").write_bytes(frames)
    paths = sorted(map(str, folder.iterdir()))
    done = subprocess.run(
        [sys.executable, "-c", READ, *paths],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30)),
    )
    assert done.returncode == 0, done.stderr
    grown_mb, told = json.loads(done.stdout)
    assert grown_mb < 500
    told = {path.rpartition("/")[2]: said for path, said in told.items()}
    for name in ("ones.png", "header.jpg"):
        [header], loaded, audited = told[name]
        assert "64 million pixels in its header" in header, name
        assert "found a header that announces over 179 megapixels" in loaded, name
        assert "over 179 megapixels" in str(audited), name
    for name, found in (
        ("pipe.png", "found a pipe"),
        ("endless.bmp", "found 5,000,000,000 bytes"),
    ):
        for said in told[name]:
            assert found in str(said), name
    assert told["frames.gif"] == [[], [16, 16, 3], [16, 16, 3]]


def test_a_file_that_would_start_a_program_is_no_image(tmp_path):
    """Pillow hands PostScript to Ghostscript, whatever the file is called."""
    from mmleaves.datasets.image_header import check_headers
    from mmleaves.transforms.load_image import read_image

    path = tmp_path / "leaf.jpg"
    path.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    )
    with pytest.raises(ValueError, match=r"begin with b'%!PS-Adobe-3', expected a who"):
        read_image(path)
    assert (
        "found no image, or one with a damaged header" in check_headers([str(path)])[0]
    )
