"""Draw a sweep of learning rates."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmleaves.optim.lr_range_test import Choice, Sweep


def draw_sweep(sweep: "Sweep", choice: "Choice | None", path: Path, title: str) -> None:
    """Draw loss over learning rate with the choice marked, as a PNG.

    Args:
        sweep: What to draw.
        choice: What to mark.
        path: Where to write the picture; its folder is made.
        title: Stands above it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    smoothed = sweep.smoothed
    axes.plot(sweep.rates, sweep.losses, color="tab:blue", alpha=0.3, label="loss")
    axes.plot(sweep.rates, smoothed, color="tab:blue", label="smoothed")
    if choice is not None:
        first, last = choice.fall
        rates = sweep.rates
        fall = {"color": "tab:green", "alpha": 0.1, "label": "longest fall"}
        axes.axvspan(rates[first], rates[last], **fall)
        mark = {"marker": "o", "color": "tab:red", "linestyle": "none", "zorder": 3}
        label = f"choice: {choice.rate:.2g}"
        axes.plot(choice.rate, smoothed[choice.index], label=label, **mark)
    # Where it diverges, nothing else would be seen.
    low, high = smoothed.min(), smoothed[: max(len(smoothed) // 2, 1)].max()
    margin = max(0.6 * (high - low), 0.05 * high)
    axes.set_ylim(max(0, low - margin), high + margin)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss")
    axes.set_title(title, loc="left", fontweight="bold")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
