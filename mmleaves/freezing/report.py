"""How many parameters each part of a model has, and how many of them are trained."""

from mmleaves.freezing.freezer import Freezer


def freeze_report(freezer: Freezer) -> dict:
    """Return the parameters by part, for the first epoch and for each change later.

    Returns:
        ``{"total": int, "trainable": int, "parts": [...], "later": [...]}``. Each part
        is ``{"part": str, "total": int, "trainable": int, "frozen": int}``, with
        ``"branch"`` in a net of several; ``"later"`` has an entry for each later epoch
        at which something is thawed or frozen: ``{"epoch": int, "trainable": int,
        "parts": [...]}``, epochs counted from 0.
    """
    first, *later = (
        _step_report(freezer, step) | {"epoch": epoch}
        for step, (epoch, _) in enumerate(freezer.steps)
    )
    del first["epoch"]
    for step in later:
        del step["total"]
    return first | {"later": later}


def _step_report(freezer: Freezer, step: int) -> dict:
    parameters = dict(freezer.model.named_parameters())
    sizes = {name: p.numel() for name, p in parameters.items()}
    # Of a tensor with two names, the policy may have meant the other one.
    ids = freezer.trained_tensors(step)
    trained = {name for name, p in parameters.items() if id(p) in ids}
    rows = []
    for part in freezer.parts:
        names = [name for name in part.parameters if name in sizes]
        total = sum(sizes[name] for name in names)
        trainable = sum(sizes[name] for name in names if name in trained)
        if total:
            row = {"part": part.name, "total": total, "trainable": trainable}
            row["frozen"] = total - trainable
            rows.append(row | ({"branch": part.branch} if part.branch else {}))
    return {
        "total": sum(row["total"] for row in rows),
        "trainable": sum(row["trainable"] for row in rows),
        "parts": rows,
    }


def format_report(report: dict) -> str:
    """Return a report as a table of whole numbers, with the sums in its last line."""
    rows = [("part", "parameters", "trainable", "frozen")]
    rows += [
        _cells(row["part"], row["total"], row["trainable"]) for row in report["parts"]
    ]
    branches = list(
        dict.fromkeys(r["branch"] for r in report["parts"] if "branch" in r)
    )
    for branch in branches:
        own = [row for row in report["parts"] if row.get("branch") == branch]
        total = sum(row["total"] for row in own)
        rows.append(_cells(f"all of {branch}", total, sum(r["trainable"] for r in own)))
    rows.append(_cells("sum", report["total"], report["trainable"]))
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = [
        "  ".join([name.ljust(first), *map(str.rjust, numbers, others)])
        for name, *numbers in rows
    ]
    rule = "-" * len(lines[0])
    lines = [lines[0], rule, *lines[1:-1], rule, lines[-1]]
    for step in report["later"]:
        now = [row["part"] for row in step["parts"] if row["trainable"]]
        lines.append(
            f"After {step['epoch']} epochs: {step['trainable']:,} trainable, in "
            f"{_span(now)}."
        )
    return "\n".join(lines)


def _cells(name: str, total: int, trainable: int) -> tuple[str, str, str, str]:
    return name, f"{total:,}", f"{trainable:,}", f"{total - trainable:,}"


def _span(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{names[0]} … {names[-1]}"
