"""Draw what happened during a run."""

from pathlib import Path


def draw_curves(rows: list[dict], path: Path) -> None:
    """Draw loss, metrics in percent and learning rate over the epochs, as a PNG.

    Args:
        rows: One dict an epoch with ``epoch``, ``lr``, ``train/loss``, ``val/<name>``;
            a metric whose name holds ``loss`` stands with the loss, others in percent.
        path: Where to write the picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    keys = list(dict.fromkeys(key for row in rows for key in row))
    losses = [key for key in keys if "loss" in key]
    percents = [key for key in keys if key.startswith("val/") and key not in losses]
    panels = {"loss": losses, "percent": percents, "learning rate": ["lr"]}
    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, names) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        for name in names:
            points = [(row["epoch"], row[name]) for row in rows if name in row]
            axes.plot(*zip(*points, strict=True), marker=".", label=name)
        axes.set_title(title, loc="left")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if len(names) > 1:
            axes.legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=110)
