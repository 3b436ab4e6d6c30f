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
    rates = [key for key in keys if key == "lr"]
    panels = {"loss": losses, "percent": percents, "learning rate": rates}
    panels = {title: names for title, names in panels.items() if names}
    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, names) in zip(grid, panels.items(), strict=True):
        for i, name in enumerate(names):
            points = [(row["epoch"], row[name]) for row in rows if name in row]
            # Lines of other dashes, as two metrics may be equal all along.
            style = {"marker": ".", "linestyle": ("-", "--", "-.", ":")[i % 4]}
            axes.plot(*zip(*points, strict=True), label=name, **style)
        axes.set_title(title, loc="left")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if len(names) > 1:
            axes.legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=110)
