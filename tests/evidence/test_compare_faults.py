"""However tables are damaged, a verdict comes from complete pairs, or not at all."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmleaves.evidence.gather import gather

HEADER = "image,truth,prediction,repeat,fold"
N, REPEATS, FOLDS = 40, 3, 4


def table(wrong):
    """Lines of a table of three repeats, wrong in some of the images."""
    lines = []
    for repeat in range(REPEATS):
        for i in range(N):
            truth = ("cat", "dog")[i % 2]
            said = ("cat", "dog")[(i % 2 + (i < wrong + repeat)) % 2]
            fold = (i // 2 + repeat) % FOLDS
            lines.append(f"{i:03}.png,{truth},{said},{repeat},{fold}")
    return lines


def _all_of_repeat(lines, rng, change):
    repeat = str(rng.randrange(REPEATS))
    return [change(line) if line.split(",")[3] == repeat else line for line in lines]


# What may happen to a table; each takes its lines and a generator.
DAMAGE = {
    "rows in another order": lambda lines, rng: rng.sample(lines, len(lines)),
    "a run that misses": lambda lines, rng: [
        line for line in lines if line.split(",")[3] != "1"
    ],
    "a run too many": lambda lines, rng: [
        *lines,
        *(line.replace(",0,", ",9,", 1) for line in lines[:N]),
    ],
    "a fold that misses": lambda lines, rng: [
        line for line in lines if not line.endswith(",2,3")
    ],
    "cut at some byte": lambda lines, rng: "\n".join(lines)[
        : rng.randrange(30, 24 * N)
    ].split("\n"),
    "a row twice": lambda lines, rng: [*lines, rng.choice(lines)],
    "a row less": lambda lines, rng: rng.sample(lines, len(lines) - 1),
    "another image": lambda lines, rng: [lines[0].replace(".png", ".jpg"), *lines[1:]],
    "another data set": lambda lines, rng: [f"x{line}" for line in lines],
    "another data set in one run": lambda lines, rng: _all_of_repeat(
        lines, rng, lambda line: f"x{line}"
    ),
    "another label": lambda lines, rng: [
        lines[0].replace(",cat,", ",dog,", 1),
        *lines[1:],
    ],
    "one class": lambda lines, rng: [
        line for line in lines if line.split(",")[1] == "cat"
    ],
    "another plan": lambda lines, rng: [
        f"{line[:-1]}{int(line[:3]) // 4 % FOLDS}" for line in lines
    ],
    "a blank line": lambda lines, rng: [*lines[:7], "", *lines[7:]],
    "nothing": lambda lines, rng: [],
}


def accuracies(lines):
    """Points of accuracy by repeat, of the repeats that have each image once."""
    by_repeat = {}
    for line in filter(None, lines):
        image, truth, said, repeat, fold = line.split(",")
        by_repeat.setdefault(repeat, []).append((image, truth, said, fold))
    return {
        repeat: (
            {(image, truth, fold) for image, truth, _, fold in rows},
            100 * sum(truth == said for _, truth, said, _ in rows) / len(rows),
        )
        for repeat, rows in by_repeat.items()
        if len({image for image, *_ in rows}) == len(rows) == N
    }


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(DAMAGE)), min_size=1, max_size=2),
    st.integers(0, 10_000),
)
def test_a_damaged_table_gives_no_verdict_that_is_not_of_pairs(
    tmp_path_factory, kinds, seed
):
    rng = random.Random(seed)
    a, b = table(4), table(20)
    for kind in kinds:
        try:
            b = DAMAGE[kind](b, rng)
        except (IndexError, ValueError):
            return  # nothing is left that this could happen to
    paths = write(tmp_path_factory.mktemp("tables"), a, b)
    try:
        report = gather(paths).compare()
    except ValueError as error:
        assert len(str(error)) > 30
        return
    ours, theirs = accuracies(a), accuracies(b)
    pairs = [r for r in ours if r in theirs and ours[r][0] == theirs[r][0]]
    points = [ours[r][1] - theirs[r][1] for r in pairs]
    (one,) = report.comparisons
    assert pairs, "a verdict, and no repeat is complete in both"
    assert one.measured.points == pytest.approx(sum(points) / len(points))


def write(folder, a, b) -> list[str]:
    paths = [Path(folder, "a.csv"), Path(folder, "b.csv")]
    for path, lines in zip(paths, (a, b), strict=True):
        path.write_text("\n".join([HEADER, *lines]) + "\n")
    return [str(path) for path in paths]


def test_each_kind_of_damage_alone(tmp_path):
    """Which of them leave pairs, and which are refused."""
    compared = set()
    for i, (kind, damage) in enumerate(DAMAGE.items()):
        folder = tmp_path / str(i)
        folder.mkdir()
        paths = write(folder, table(4), damage(table(20), random.Random(0)))
        try:
            gather(paths).compare()
        except ValueError:
            continue
        compared.add(kind)
    assert compared == {
        "rows in another order",
        "a run that misses",
        "a run too many",
        "a blank line",
        # Of the repeats that are complete.
        "a fold that misses",
        "a row less",
    }
