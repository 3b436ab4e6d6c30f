"""Archives, harmless ones and others: unpacked whole, or refused before a byte."""

import errno
import gzip
import io
import os
import resource
import stat
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from mmleaves.archives import unpacking
from mmleaves.archives.unpacking import unpack
from mmleaves.commands.unpack import main
from mmleaves.errors import CannotReadError
from mmleaves.whole_files import CannotWriteError


def pack_zip(path, members, **options):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as packed:
        for name, data in members:
            packed.writestr(name, data)
    return path


def pack_tar(path, members, how="w:gz"):
    with tarfile.open(path, how) as packed:
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return path


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zip_link(name, target):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target


GOOD = [("set/acer/1.jpg", b"one"), ("set/tilia/\u00e9 2.jpg", b"two" * 1000)]


def tree(folder):
    """Return what lies below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
def test_a_harmless_archive_is_unpacked_whole(tmp_path, kind):
    extra = [("__MACOSX/set/._1.jpg", b"mac"), ("./set/labels.csv", b"image,label\n")]
    path = tmp_path / f"set.{kind}"
    if kind == "zip":
        pack_zip(path, [("set/", b""), *GOOD, *extra])
    else:
        pack_tar(path, [*GOOD, *extra], f"w:{kind[4:]}")
    assert unpack(path, tmp_path / "out") == 3
    assert tree(tmp_path / "out") == dict(GOOD) | {"set/labels.csv": b"image,label\n"}


BAD = {
    "up": ("../x.jpg", "would be written outside of the folder"),
    "up inside": ("set/../../x.jpg", "would be written outside of the folder"),
    "up, Windows": ("set\\..\\..\\x.jpg", "would be written outside of the folder"),
    "absolute": ("/tmp/mmleaves-x.jpg", "would be written outside of the folder"),
    "drive": ("C:/x.jpg", "would be written outside of the folder"),
    "twice": ("set/acer/1.jpg", "are one file or folder"),
    "capitals": ("set/ACER/1.jpg", "are one file or folder"),
    "accents": ("set/tilia/e\u0301 2.jpg", "are one file or folder"),
    "file and folder": ("set/acer", "are one file or folder"),
    "file for folder": ("set/acer/1.jpg/2.jpg", "are one file or folder"),
}


@pytest.mark.parametrize("fault", BAD)
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_can_do_harm_is_refused_before_anything_is_written(
    tmp_path, kind, fault
):
    name, message = BAD[fault]
    path = tmp_path / f"set.{kind}"
    (pack_zip if kind == "zip" else pack_tar)(path, [*GOOD, (name, b"bad")])
    with pytest.raises(ValueError, match=rf"set\.{kind}: found .*{message}.*Nothing w"):
        unpack(path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_name_too_long_for_the_disk_is_refused_before_anything_is_written(
    tmp_path, kind
):
    """Names are counted in bytes: 128 of these letters are 256."""
    path, out = tmp_path / f"set.{kind}", tmp_path / "out"
    deep = "/".join(["x" * 200] * 21)
    for name, what in (
        ("set/" + "\u00e9" * 128, "of which a name has 256 bytes .*, expected 255 at"),
        (deep, r"of which the path has 4,\d+ bytes .*, expected 4,095 at most"),
    ):
        (pack_zip if kind == "zip" else pack_tar)(path, [*GOOD, (name, b"bad")])
        with pytest.raises(
            ValueError, match=rf"set\.{kind}: found .*{what}.*Nothing w"
        ):
            unpack(path, out)
        assert list(tmp_path.iterdir()) == [path]
    (pack_zip if kind == "zip" else pack_tar)(path, [("\u00e9" * 127, b"good")])
    assert unpack(path, out) == 1


@pytest.mark.parametrize("name", ["x" * 240, "x" * 300, "file/below"])
def test_a_folder_that_cannot_be_is_refused_at_once(tmp_path, name):
    path = pack_zip(tmp_path / "file", GOOD)
    told = "a name has 268 bytes|File name too long|file is no folder"
    with pytest.raises((ValueError, CannotWriteError), match=told):
        unpack(path, tmp_path / name)
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_that_a_disk_does_not_take_leaves_nothing(tmp_path):
    """In a process of its own that may write no large files."""
    path = pack_zip(tmp_path / "set.zip", [("set/1.bin", os.urandom(300_000))])

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        [sys.executable, "-m", "mmleaves.cli", "unpack", path, tmp_path / "out"],
        preexec_fn=limited,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 74, done.stderr
    assert (
        f"set.zip could not be unpacked into {tmp_path}/out: File too lar"
        in done.stderr
    )
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("pack", [pack_zip, pack_tar])
def test_a_disk_that_cannot_be_read_midway_is_told_as_such(tmp_path, monkeypatch, pack):
    path = pack(tmp_path / "set.x", [("set/1.bin", os.urandom(3_000_000))])
    before = unpacking.open_member

    def breaks_off(*args):
        reader = before(*args)
        read = reader.read

        def once(size):
            reader.read = broken
            return read(size)

        def broken(size):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        reader.read = once
        return reader

    monkeypatch.setattr(unpacking, "open_member", breaks_off)
    with pytest.raises(CannotReadError, match=r"set\.x could not be read: Input/outp"):
        unpack(path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_that_points_before_the_file_is_damage(tmp_path):
    path = pack_zip(tmp_path / "set.zip", [("set/1.bin", b"x" * 100)])
    content = bytearray(path.read_bytes())
    # Of the last record: where the table begins.
    place = len(content) - 6
    begins = int.from_bytes(content[place : place + 4], "little")
    content[place : place + 4] = (begins + 4096).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"found an archive that cannot be read"):
        unpack(path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]


# Their names have 18 letters, so that an entry of a zip's table has 64 bytes.
FIVE = [(f"set/{i:010}.jpg", b"x" * 1000) for i in range(5)]


def damaged_tar(path, change, how):
    """Write a tar whose members have 1,536 bytes each: a header, 1,000, and zeros."""
    content = change(bytearray(pack_tar(path, FIVE, "w").read_bytes()))
    path.write_bytes(gzip.compress(content) if how == "w:gz" else content)


def flipped(content, place, bits=1):
    content[place] ^= bits
    return content


@pytest.mark.parametrize("how", ["w", "w:gz"])
@pytest.mark.parametrize(
    "change",
    [
        lambda content: flipped(content, 1536),
        lambda content: content[:1536],
        lambda content: content[:1636],
        lambda content: content[:4608],
        lambda content: content[:1536] + bytearray(512) + content[2048:],
        lambda content: content + content,
    ],
    ids=["bit", "cut", "cut-in-header", "cut-later", "zeros", "twice"],
)
def test_a_tar_that_has_lost_members_is_not_unpacked_as_whole(tmp_path, change, how):
    path = tmp_path / "set.tar"
    damaged_tar(path, lambda content: content, how)
    assert unpack(path, tmp_path / "whole") == 5
    damaged_tar(path, change, how)
    with pytest.raises(ValueError, match=r"set\.tar: found an archive that cannot be"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def table_of(content):
    return content.find(b"PK\1\2")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        # The length of a comment, which takes the next entry in.
        (lambda content: flipped(content, table_of(content) + 32, 64), "4 members whe"),
        # A file's name that ends with a slash, as a folder's.
        (lambda content: flipped(content, table_of(content) + 46 + 17, 0x48), "folder"),
        (lambda content: flipped(content, table_of(content) + 46, ord("s")), "no name"),
    ],
    ids=["table", "slash", "nul"],
)
def test_a_zip_that_has_lost_members_is_not_unpacked_as_whole(tmp_path, change, found):
    path = pack_zip(tmp_path / "set.zip", FIVE)
    assert unpack(path, tmp_path / "whole") == 5
    path.write_bytes(change(bytearray(path.read_bytes())))
    with pytest.raises(ValueError, match=rf"cannot be read \(.*{found}"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_zip_in_a_tar_is_one_of_its_files(tmp_path):
    inner = io.BytesIO()
    pack_zip(inner, [("of_the_zip", b"x")])
    members = [("a.jpg", b"a"), ("x.zip", inner.getvalue()), ("b.jpg", b"b" * 9999)]
    path = pack_tar(tmp_path / "set.tar", members, "w")
    assert unpack(path, tmp_path / "out") == 3
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "a.jpg",
        "b.jpg",
        "x.zip",
    ]


@pytest.mark.parametrize("option", ["--max-gb", "--max-ratio", "--max-members"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0", "-inf", "much"])
def test_a_limit_that_is_none_is_refused(tmp_path, capsys, option, value):
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "set.zip"), str(tmp_path / "out"), f"{option}={value}"])
    assert f"argument {option}: " in capsys.readouterr().err


def test_links_and_devices_are_refused(tmp_path):
    out = tmp_path / "out"
    faults = {
        "link": special("set/link", tarfile.SYMTYPE, "/etc"),
        "hard": special("set/hard", tarfile.LNKTYPE, "../../etc/passwd"),
        "pipe": special("set/pipe", tarfile.FIFOTYPE),
        "device": special("set/null", tarfile.CHRTYPE),
    }
    for name, info in faults.items():
        path = pack_tar(tmp_path / f"{name}.tar", [*GOOD, (info, b"")], "w")
        with pytest.raises(ValueError, match=r"which is a (link|device or pipe), exp"):
            unpack(path, out)
    path = pack_zip(tmp_path / "link.zip", [*GOOD, zip_link("set/link", "/etc")])
    with pytest.raises(ValueError, match="'set/link', which is a link"):
        unpack(path, out)
    assert not out.exists()


def test_too_much_is_refused_with_the_limit_and_the_option_that_raises_it(tmp_path):
    out = tmp_path / "out"
    zeros = pack_zip(tmp_path / "zeros.zip", [*GOOD, ("set/zeros", bytes(110_000_000))])
    with pytest.raises(
        ValueError, match=r"than 200 times the archive's own 10\d,.*-rat"
    ):
        unpack(zeros, out)
    with pytest.raises(ValueError, match=r"more than 0\.1 GB in it.*raise --max-gb"):
        unpack(zeros, out, max_gb=0.1)
    many = pack_tar(tmp_path / "many.tar", [(f"{n}", b"") for n in range(1001)], "w")
    with pytest.raises(ValueError, match=r"more than 1,000 members.*raise --max-m"):
        unpack(many, out, max_members=1000)
    # A header that lies about the size of what follows.
    data = bytearray(pack_zip(tmp_path / "lies.zip", GOOD).read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[central + 24 : central + 28] = (10).to_bytes(4, "little")
    (tmp_path / "lies.zip").write_bytes(data)
    with pytest.raises(ValueError, match=r"lies\.zip: found an archive that cannot"):
        unpack(tmp_path / "lies.zip", out)
    assert not out.exists()


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_long_header_is_refused_before_it_is_read(tmp_path, kind):
    info = special("long", kind)
    info.size = 300_000_000
    with tarfile.open(tmp_path / "long.tar.gz", "w:gz", compresslevel=1) as packed:
        packed.addfile(info, io.BytesIO(bytes(info.size)))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="a header of 300,000,000 bytes, expected"):
            unpack(tmp_path / "long.tar.gz", tmp_path / "out")
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_by_one_letter_is_seen(tmp_path):
    with pytest.raises(ValueError, match="'a' and 'a', which are one"):
        unpack(pack_zip(tmp_path / "a.zip", [("a", b"1"), ("a", b"2")]), tmp_path / "o")


def test_what_a_kill_left_is_no_obstacle_and_goes_after_a_day(tmp_path, monkeypatch):
    path = pack_zip(tmp_path / "set.zip", GOOD)
    for name, age_s in (("out.1.unfinished", 0), ("out.2.unfinished", 90_000)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, times=(time.time() - age_s,) * 2)
    assert unpack(path, tmp_path / "out") == 2
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"set.zip", "out", "out.1.unfinished"}
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert unpack(path, Path()) == 2
    assert tree(tmp_path / "here") == dict(GOOD)
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileExistsError, match="link: found a link, expected a new"):
        unpack(path, tmp_path / "link")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_damaged_archive_is_refused_and_leaves_nothing(tmp_path, kind):
    members = [(f"set/{n}.jpg", os.urandom(3000)) for n in range(20)]
    path = tmp_path / f"set.{kind}"
    if kind == "zip":
        pack_zip(path, members)
    else:
        pack_tar(path, members, f"w:{kind[4:]}")
    whole = path.read_bytes()
    half = len(whole) // 2
    changed = whole[:half] + bytes(99) + whole[half + 99 :]
    for data in (whole[:half], whole[:5], b"", b"<html>", changed):
        if data is changed and kind == "tar":
            continue  # has no sums of its contents
        path.write_bytes(data)
        with pytest.raises(ValueError, match=rf"set\.{kind}: found "):
            unpack(path, tmp_path / "out")
        assert list(tmp_path.iterdir()) == [path]


def test_the_command_says_what_it_did_and_never_overwrites(tmp_path, capsys):
    path = pack_zip(tmp_path / "set.zip", GOOD)
    main([str(path), str(tmp_path / "out")])
    assert capsys.readouterr().out == f"2 files: {tmp_path}/out\n"
    with pytest.raises(SystemExit, match="2"):
        main([str(path), str(tmp_path / "out")])
    assert (
        "out: found it to hold files, expected a new or an" in capsys.readouterr().err
    )


def test_an_archive_in_place_of_a_folder_is_told_how_to_unpack(tmp_path):
    from mmleaves.datasets import CaltechFolders, UnlabelledImages

    path = pack_zip(tmp_path / "my set.zip", GOOD)
    advice = r"`mmleaves unpack '.*/my set\.zip' '.*/my set'`, and name the folder"
    with pytest.raises(NotADirectoryError, match=advice):
        CaltechFolders(str(path))
    with pytest.raises(ValueError, match=rf"found an archive, .*{advice}"):
        UnlabelledImages(source=str(path))
