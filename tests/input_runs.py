"""Commands on data that are at fault: trainings of seconds, and pictures for them."""

import shutil

from PIL import Image, ImageDraw
from tool_runs import run_tool

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"
CSV_CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_leaves"
# A run of two epochs on small images, some seconds.
SMALL = (
    "trainable=all",
    "train_dataloader.batch_size=4",
    "train_dataloader.num_workers=0",
    "val_dataloader.num_workers=0",
    "test_dataloader.num_workers=0",
    "train_dataloader.dataset.pipeline.1.scale=32",
    "train_cfg.max_epochs=2",
)


def train(data, folder, *options, flags=(), config=CONFIG, **more):
    """Train the small run on ``data``, into ``folder``."""
    return run_tool(
        *("train", config, "--work-dir", folder, "--no-pretrained", *flags),
        *("--cfg-options", f"dataset.data_root={data}", *SMALL, *options),
        **more,
    )


def refused(done, code=2):
    """Return what a command said when it refused, and make sure it did so well."""
    assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    assert "\nError: " in done.stderr
    return done.stderr


def drawn(path, number, **options):
    """Save a small picture, another for each number, and return its path."""
    image = Image.new("RGB", (48, 40), (20 + 3 * number % 200, 90, 140))
    draw = ImageDraw.Draw(image)
    for line in range(4):
        y = (7 * number + 11 * line) % 40
        draw.line(
            (0, y, 47, (13 * number + y) % 40), (9 * number % 256, 250, 20 * line)
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def class_folders(folder, classes=("acer", "tilia"), images=8):
    """Draw class folders, and return the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for place, name in enumerate(classes):
        for number in range(images):
            drawn(folder / name / f"{number:02}.png", 100 * place + number)
    return folder
