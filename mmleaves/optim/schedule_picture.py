"""Draw the learning rate and the momentum of a run."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mmleaves.optim.schedule_curves import Curve


def draw_schedule(
    curves: Sequence["Curve"],
    path: Path,
    *,
    iters_per_epoch: int,
    title: str,
    note: str = "",
) -> None:
    """Draw rate and momentum of each parameter group over the epochs, as a PNG.

    Args:
        curves: One or more.
        path: Where to write the picture; its folder is made.
        iters_per_epoch: Iterations an epoch.
        title: Stands above both panels.
        note: Stands below them.
    """
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    few = len(curves) <= 6
    palette = colormaps["tab10" if few else "viridis"]
    epochs = np.arange(len(curves[0].rates) + 1) / iters_per_epoch
    # A value holds until the next, the last one to the end of the run.
    hold = {"where": "post"}
    for i, curve in enumerate(curves):
        color = palette(i) if few else palette(0.9 * i / (len(curves) - 1))
        label = shorten(curve.name, 60, placeholder=" ...")
        rates = np.append(curve.rates, curve.rates[-1])
        left.step(epochs, rates, color=color, label=label, **hold)
    _frame(left, "learning rate", curves)
    momenta = {tuple(c.momenta): c.momenta for c in curves if c.momenta is not None}
    for i, values in enumerate(momenta.values()):
        color = "dimgray" if len(momenta) == 1 else palette(i)
        right.step(epochs, np.append(values, values[-1]), color=color, **hold)
    if momenta:
        _frame(right, "momentum", ())
        low = min(values.min() for values in momenta.values())
        high = max(values.max() for values in momenta.values())
        right.set_ylim(low - 0.05, high + 0.05)
    else:
        right.set_axis_off()
        right.set_title("no momentum", loc="left")
    for axes in (left, right):
        axes.set_xlim(0, epochs[-1])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    if note:
        figure.supxlabel(note, fontsize="small")
    columns = 1 if few else 2
    left.legend(frameon=False, fontsize="small", ncols=columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _frame(axes: object, title: str, curves: Sequence["Curve"]) -> None:
    axes.set_title(title, loc="left")
    axes.set_xlabel("epoch")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if curves and _spans_decades(curves):
        axes.set_yscale("log")
    elif curves:
        axes.set_ylim(bottom=0)


def _spans_decades(curves: Sequence["Curve"]) -> bool:
    """Return whether rates fall by steps of five and more, or differ twentyfold."""
    rates = np.stack([curve.rates for curve in curves])
    if rates.min() <= 0:
        return False
    steps = (rates[:, :-1] / rates[:, 1:]).max(initial=1)
    return steps >= 5 or (rates.max(0) / rates.min(0)).max() >= 20
