from PIL import Image

from mmleaves.hooks.curves import draw_curves


def colours(path):
    with Image.open(path) as image:
        return {colour for _, colour in image.convert("RGB").getcolors(10**6)}


def test_a_panel_is_drawn_for_each_kind_of_metric_there_is(tmp_path):
    rows = [
        {"epoch": 1, "lr": 0.1, "train/loss": 2.0, "val/accuracy/top1": 50.0},
        {"epoch": 2, "lr": 0.05, "train/loss": 1.0, "val/accuracy/top1": 60.0},
    ]
    draw_curves(rows, tmp_path / "three.png")
    draw_curves([{"epoch": 0, "val/accuracy/top1": 50.0}], tmp_path / "one.png")
    for name in ("three.png", "one.png"):
        # Matplotlib's first colour, of a line or a point.
        assert (31, 119, 180) in colours(tmp_path / name)
