"""The verdicts and their figures, for the terminal."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmleaves.evidence.compare import Comparison, Report
from mmleaves.evidence.measured import Measured
from mmleaves.evidence.recipe_scores import RecipeScores
from mmleaves.evidence.score_sums import SCORES
from mmleaves.evidence.short_names import told_apart
from mmleaves.evidence.verdict import p_text

# Of more classes the differences are in the JSON alone.
MOST_CLASSES = 12
# Beyond, names would be broken into pieces beside the scores.
WIDEST_NAME = 16
SHORT = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "macro_f1": "macro-F1",
    "auroc": "AUROC",
    "sensitivity": "sens.",
    "specificity": "spec.",
}


def print_report(report: Report, console: Console) -> None:
    """Print the verdicts, then the tables, then what single runs would have said."""
    for comparison in report.comparisons:
        # A verdict is one line, however long: a terminal breaks it as it likes.
        console.print(Text(comparison.sentence, style="bold"), soft_wrap=True)
    console.print()
    console.print(_recipe_table(report))
    for comparison in report.comparisons:
        console.print(_pair_table(report, comparison))
    console.print()
    console.print(Text("What the habit of comparing one run each would have said:"))
    for comparison in report.comparisons:
        text = Text(f"  {habit_text(comparison.measured)}")
        console.print(text, soft_wrap=True)
    if report.notes:
        console.print()
    for note in report.notes:
        console.print(Text(f"Note: {note}"), soft_wrap=True)


def habit_text(measured: Measured) -> str:
    """Return how often a single run of each would have named the other one."""
    habit, a, b = measured.habit, measured.a, measured.b
    if habit.pairs == 0:
        return f"{a} and {b}: no run has all classes, so no single run has a score."
    ahead, behind, chance = a, b, habit.b
    if measured.points < 0:
        ahead, behind, chance = b, a, habit.a
    text = (
        f"Chance that a single run, scored on {habit.images} images, would have named "
        f"{behind} instead of {ahead}: {chance:.0%}"
    )
    if measured.points == 0:
        text = (
            f"A single run, scored on {habit.images} images, would have named {a} in "
            f"{habit.a:.0%} and {b} in {habit.b:.0%} of cases"
        )
    tie = f", and a tie: {habit.tie:.0%}" if habit.tie else ""
    one = "one pair" if habit.pairs == 1 else f"{habit.pairs} pairs"
    return f"{text}{tie} ({one} of runs)."


def _recipe_table(report: Report) -> Table:
    table = Table(box=SIMPLE_HEAD, title=_title(report), title_justify="left")
    table.add_column("recipe", overflow="fold")
    names = told_apart([recipe.name for recipe in report.recipes])
    below = []
    if max(map(len, names.values())) > WIDEST_NAME:
        letters = dict(zip(names, _letters(len(names)), strict=True))
        below = [f"{letters[name]}: {short}" for name, short in names.items()]
        names = letters
    metrics = [name for name in SCORES if name in report.recipes[0].scores]
    for name in metrics:
        table.add_column(SHORT[name], justify="right", no_wrap=True)
        if name == "accuracy":
            table.add_column("95 % CI", no_wrap=True)
    spreads = _spreads(report, report.recipes[0])
    for heading, _ in spreads:
        table.add_column(heading, justify="right")
    for recipe in report.recipes:
        cells = []
        for name in metrics:
            score = recipe.scores.get(name)
            cells.append("" if score is None else f"{score:.1f}")
            if name == "accuracy":
                cells.append(f"{recipe.low:.1f} to {recipe.high:.1f}")
        cells += [value for _, value in _spreads(report, recipe)]
        table.add_row(Text(names[recipe.name]), *cells)
    if "sensitivity" in metrics:
        below.append(f"sens.: how many of class {report.positive} are found")
    if below:
        table.caption = Text("\n".join(below))
        table.caption_justify = "left"
    return table


def _letters(count: int) -> list[str]:
    letters = [chr(ord("A") + i) for i in range(26)]
    return letters[:count] if count <= 26 else [str(1 + i) for i in range(count)]


def _title(report: Report) -> str:
    what = "seed" if report.is_holdout else "repeat"
    what += "" if report.repeats == 1 else "s"
    runs = f", {report.runs} runs of each" if report.runs > report.repeats else ""
    images = "held-out images" if report.is_holdout else "images"
    return f"{report.images} {images}, {report.repeats} {what}{runs}; percent"


def _spreads(report: Report, recipe: RecipeScores) -> list[tuple[str, str]]:
    found = [
        ("sd, seeds" if report.is_holdout else "sd, repeats", recipe.repeat_sd),
        ("sd, folds", recipe.fold_sd),
    ]
    cells = [(name, f"{value:.1f}") for name, value in found if value is not None]
    if recipe.flips is not None:
        cells.append(("flips", f"{100 * recipe.flips:.1f}"))
    return cells


def _pair_table(report: Report, comparison: Comparison) -> Table:
    found = comparison.measured
    title = Text(f"{found.a} less {found.b}, points")
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("")
    for heading in ("points", "95 % CI", "p", "Holm p", "strict p", "wins", "churn"):
        table.add_column(heading, justify="right", no_wrap=True)
    strict = "" if found.p_strict is None else p_text(found.p_strict)
    table.add_row(
        f"{SCORES[found.metric]} (decides)",
        f"{found.points:+.1f}",
        f"{found.low:+.1f} to {found.high:+.1f}",
        p_text(found.p),
        p_text(comparison.verdict.p_holm),
        strict,
        f"{found.a_wins:.0%}",
        f"{found.churn:.0%}",
        style="bold",
    )
    others = [(SCORES[one.metric], one) for one in found.others]
    if len(found.classes) <= MOST_CLASSES:
        others += [(f"class {one.name} ({one.images})", one) for one in found.classes]
    for name, one in others:
        interval = f"{one.low:+.1f} to {one.high:+.1f}"
        table.add_row(Text(name), f"{one.points:+.1f}", interval, p_text(one.p))
    table.caption = _caption(found)
    table.caption_justify = "left"
    return table


def _caption(found: Measured) -> Text:
    parts = [f"Decided by: {found.test}"]
    if found.p_mid is not None:
        parts.append(f"mid-p {p_text(found.p_mid)}")
    if found.p_sign_flip is not None:
        parts.append(f"sign flips of images p {p_text(found.p_sign_flip)}")
    if found.p_delong is not None:
        by_run = ", ".join(map(p_text, found.p_delong))
        parts.append(f"DeLong's p by run {by_run}")
    text = "; ".join(parts)
    return Text(
        f"{text}. The other rows never decide; classes are exploratory, their p is "
        "adjusted by Holm's method."
    )
