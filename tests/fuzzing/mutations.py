"""Mutated images, tables, class folders and checkpoints, each by a seed alone."""

import io
import os
import pickle
import random
import struct
import unicodedata
import zipfile
import zlib
from functools import cache

import numpy as np
import torch
from PIL import Image

INTERESTING = (
    0,
    1,
    2,
    127,
    255,
    256,
    7990,
    20_000,
    32_767,
    65_535,
    2**31 - 1,
    2**32 - 1,
)


def mutated_bytes(draw: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Return ``data`` changed in one to four places, or cut, or joined with another."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        size = len(changed)
        place = draw.randrange(size) if size else 0
        # Headers decide most.
        if draw.random() < 0.5:
            place = min(place, draw.randrange(64))
        kind = draw.randrange(8)
        if kind == 0:
            del changed[place:]
        elif kind == 1 and size:
            changed[place] ^= 1 << draw.randrange(8)
        elif kind == 2:
            changed[place : place + draw.randrange(64)] = b""
        elif kind == 3:
            changed[place:place] = draw.randbytes(draw.randrange(64))
        elif kind == 4:
            end = min(size, place + draw.randrange(1, 256))
            changed[place:end] = bytes(end - place)
        elif kind == 5:
            order = draw.choice("<>")
            width = draw.choice((2, 4))
            value = draw.choice(INTERESTING) % 256**width
            changed[place : place + width] = struct.pack(
                order + {2: "H", 4: "I"}[width], value
            )
        elif kind == 6:
            other = draw.choice(others)
            start = draw.randrange(len(other))
            changed[place : place + 256] = other[start : start + draw.randrange(512)]
        else:
            block = changed[place : place + draw.randrange(1, 128)]
            changed[place:place] = bytes(block) * draw.randrange(1, 4)
    return bytes(changed)


@cache
def pictures() -> list[tuple[str, bytes]]:
    """Return small pictures in every form that is read, with their endings."""
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.integers(-6, 7, (24, 32, 3)), axis=1) * 4 + 128
    image = Image.fromarray(smooth.clip(0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x112] = 6
    made = []

    def add(ending, picture, **options):
        file = io.BytesIO()
        picture.save(file, **options)
        made.append((ending, file.getvalue()))

    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        add(".png", image.convert(mode), format="PNG")
    add(".png", Image.fromarray(smooth[..., 0].astype(np.uint16) * 200), format="PNG")
    add(".png", image, format="PNG", save_all=True, append_images=[image.rotate(90)])
    for mode in ("L", "RGB", "CMYK"):
        add(".jpg", image.convert(mode), format="JPEG")
    add(".jpg", image, format="JPEG", progressive=True, exif=exif)
    add(".gif", image, format="GIF", save_all=True, append_images=[image.rotate(90)])
    add(".bmp", image, format="BMP")
    add(".bmp", image.convert("P"), format="BMP")
    for way in ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg"):
        add(".tif", image, format="TIFF", compression=way)
    add(".tif", image.convert("1"), format="TIFF", compression="group4")
    add(".webp", image, format="WEBP")
    add(".webp", image, format="WEBP", lossless=True)
    add(".ppm", image, format="PPM")
    add(".pgm", image.convert("L"), format="PPM")
    return made


def _with_right_sums(png: bytes) -> bytes:
    """Return a PNG whose chunks' sums are right, so that readers get beyond them."""
    out, place = bytearray(png[:8]), 8
    while place + 12 <= len(png):
        size = struct.unpack(">I", png[place : place + 4])[0]
        body = png[place + 4 : place + 8 + size]
        out += struct.pack(">I", size) + body
        out += struct.pack(">I", zlib.crc32(body))
        place += 12 + size
    return bytes(out)


def write_image(draw: random.Random, folder: str) -> str:
    """Write a mutated picture, and return its path."""
    made = pictures()
    ending, data = draw.choice(made)
    if draw.random() > 0.02:
        data = mutated_bytes(draw, data, [other for _, other in made])
    if ending == ".png" and draw.random() < 0.5:
        data = _with_right_sums(data)
    if draw.random() < 0.1:
        ending = draw.choice((".jpg", ".png", ".JPEG"))
    path = f"{folder}/image{ending}"
    with open(path, "wb") as file:
        file.write(data)
    return path


FIELDS = (
    *("0.jpg", "a b.jpg", "\u00e9.jpg", "x/../0.jpg", "../0.jpg", "/etc/passwd"),
    *("C:\\x", "", " ", "nan", '"', '""', "'", ",", ";", "\t", "acer", "tilia", "#"),
    *("\u9280\u674f", "=1+1", "\0", "\ufeff", "a\nb", "a\r\nb", "x" * 300),
    *("bytes:%ff.jpg", "bytes:%00"),
)


def write_table(draw: random.Random, folder: str) -> str:
    """Write a mutated CSV file, and return its path."""
    rows = [["image", "label"]]
    rows += [[f"{n}.jpg", draw.choice(("acer", "tilia"))] for n in range(12)]
    text_rows = []
    for row in rows:
        if draw.random() < 0.06:
            row = [draw.choice(FIELDS) for _ in range(draw.choice((0, 1, 2, 2, 3)))]
        quoted = draw.random() < 0.1
        text_rows.append(",".join(f'"{field}"' if quoted else field for field in row))
    if draw.random() < 0.1:
        draw.shuffle(text_rows)
    text = draw.choice(("\n", "\n", "\r\n", "\n\n")).join(text_rows)
    text += draw.choice(("", "\n", "\n\n"))
    data = text.encode(draw.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16")))
    if draw.random() < 0.4:
        data = mutated_bytes(draw, data, [b"image,label\n0.jpg,acer\n", b"\xff\xfe\0"])
    path = f"{folder}/train.csv"
    with open(path, "wb") as file:
        file.write(data)
    return path


NAMES = (
    *("acer", "Acer", "tilia", "a b", "\u00e9", "e\u0301", ".hidden", "__MACOSX"),
    *(".ipynb_checkpoints", "train", "test", "BACKGROUND_Google", "-x", "new\nline"),
    *("\udcff", "x" * 200, "\u9280\u674f", "nan", " space ", "back\\slash"),
)
FILES = (
    *("0.jpg", "1.JPG", "2.png", "._0.jpg", "notes.txt", "Thumbs.db", "\udcfe.png"),
    *("\u00e9.jpg", "e\u0301.jpg", "new\nline.jpg", "x" * 240 + ".jpg", "archive.zip"),
)


def write_folders(draw: random.Random, folder: str) -> str:
    """Write a tree of class folders with oddities, and return its root."""
    root = f"{folder}/set"
    os.mkdir(root)
    for name in (
        draw.sample(NAMES, draw.randrange(6)) + ["one", "two"][: draw.randrange(3)]
    ):
        inner = f"{root}/{name}"
        os.makedirs(inner, exist_ok=True)
        if draw.random() < 0.15:
            inner = f"{inner}/deeper"
            os.makedirs(inner, exist_ok=True)
        for file in draw.sample(FILES, draw.randrange(5)):
            with open(f"{inner}/{file}", "wb"):
                pass
        kind = draw.randrange(14)
        if kind == 0:
            os.symlink(root, f"{inner}/circle")
        elif kind == 1:
            os.symlink("loop", f"{inner}/loop")
        elif kind == 2:
            os.symlink("nowhere", f"{inner}/gone.jpg")
        elif kind == 3:
            os.mkfifo(f"{inner}/pipe.jpg")
        elif kind == 4:
            os.mkdir(f"{inner}/folder.jpg")
    return root


@cache
def checkpoints() -> list[bytes]:
    """Return small checkpoints: zipped as today, and as torch once wrote them."""
    weights = {f"layer{n}.weight": torch.full((4, 3), float(n)) for n in range(3)}
    meta = {"epoch": 3, "iter": 30, "dataset_meta": {"classes": ("acer", "tilia")}}
    hub = {"log_scalars": {}, "runtime_info": {"x": 2.5}, "resumed_keys": {"x": True}}
    made = []
    for zipped in (True, False):
        file = io.BytesIO()
        whole = {"state_dict": weights, "meta": meta, "message_hub": hub}
        whole["optimizer"] = {"state": {}, "param_groups": []}
        torch.save(whole, file, _use_new_zipfile_serialization=zipped)
        made.append(file.getvalue())
    return made


class _Runs:
    """A pickle that touches a file when it is read by what runs code."""

    def __init__(self, marker: str, way: int) -> None:
        self._marker, self._way = marker, way

    def __reduce__(self) -> tuple:
        if self._way == 0:
            return os.system, (f"touch {self._marker}",)
        if self._way == 1:
            return eval, (f"open({self._marker!r}, 'w')",)
        return open, (self._marker, "w")


def write_checkpoints(draw: random.Random, folder: str) -> str:
    """Write a run's folder with mutated checkpoints, and return it."""
    run = f"{folder}/run"
    os.mkdir(run)
    for epoch in range(1, draw.randrange(1, 4)):
        data = draw.choice(checkpoints())
        if draw.random() < 0.8:
            data = _mutated_checkpoint(draw, data, f"{folder}/ran")
        with open(f"{run}/epoch_{epoch}.pth", "wb") as file:
            file.write(data)
    pointer = draw.choice(
        (
            *("epoch_1.pth", "epoch_2.pth", "/elsewhere/epoch_1.pth", "", "\n", "."),
            *("../../../etc/passwd", "epoch_9.pth", "x" * 300, "\udcff", "a\0b", None),
        )
    )
    if pointer is not None:
        with open(f"{run}/last_checkpoint", "wb") as file:
            file.write(os.fsencode(pointer))
    return run


def _mutated_checkpoint(draw: random.Random, data: bytes, marker: str) -> bytes:
    if draw.random() < 0.5 or not data.startswith(b"PK"):
        if draw.random() < 0.1:
            return pickle.dumps({"state_dict": _Runs(marker, draw.randrange(3))})
        return mutated_bytes(draw, data, checkpoints())
    # Beyond the zip's own sums: a part of it is changed, and packed again.
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        chosen = draw.choice(old.namelist())
        for name in old.namelist():
            part = old.read(name)
            if name == chosen:
                part = mutated_bytes(draw, part, [part])
            if name.endswith("data.pkl") and draw.random() < 0.2:
                part = pickle.dumps({"state_dict": _Runs(marker, draw.randrange(3))}, 2)
            new.writestr(name, part)
    return out.getvalue()


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


WRITERS = {
    "image": write_image,
    "table": write_table,
    "folders": write_folders,
    "checkpoints": write_checkpoints,
}
