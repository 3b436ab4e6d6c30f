"""What a run's look at its data costs: the headers of images, the rows of a table.

python benchmarks/reading_data.py data/101_ObjectCategories data/leaves_kaggle_csv
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from mmleaves.datasets import LeavesCSV
from mmleaves.datasets.image_header import check_headers


def processor_seconds(work: Callable[[], object]) -> float:
    """Return the processor time of ``work`` in seconds, the least of three."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def main(class_folders: str, table: str) -> None:
    paths = [str(path) for path in Path(class_folders).glob("*/*.jpg")]
    if not paths:
        sys.exit(f"{class_folders}: found no CLASS/*.jpg, expected class folders.")
    seconds = processor_seconds(lambda: check_headers(paths))
    print(f"headers of {len(paths):,} images: {seconds:.2f} s")
    rows = len(LeavesCSV(table, part="all"))
    seconds = processor_seconds(lambda: LeavesCSV(table, part="all"))
    print(f"{rows:,} rows of {table}: {seconds:.2f} s")


if __name__ == "__main__":
    main(*sys.argv[1:3])
