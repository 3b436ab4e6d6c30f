"""Where a net looked: Grad-CAMs from the checkpoints that runs left."""

from pathlib import Path

from mmleaves.report.pictures import HardImage
from mmleaves.report.scored import Scored


class HeatMaps:
    def __init__(self, scored: Scored, most: int) -> None:
        self.lacking = ""

    def of(self, image: HardImage, path: Path | None) -> list:
        return []
