"""What a sample is drawn from: equal settings give equal files."""

from dataclasses import dataclass

PER_CLASS = {"leaves": 30, "caltech": 30, "benign_malignant": 130}
LAYOUTS = tuple(PER_CLASS)


@dataclass(frozen=True)
class Settings:
    """Everything that a sample's bytes depend on.

    Attributes:
        layout: One of ``LAYOUTS``.
        seed: From 0 on.
        per_class: Images of each class, test images included; at least 5.
        size_px: Side of the square images, 32 to 1024.
        version: Raised whenever the same settings would give other pictures.
    """

    layout: str
    seed: int
    per_class: int
    size_px: int
    version: int = 1

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ValueError(
                f"layout is {self.layout!r}; expected one of {', '.join(LAYOUTS)}."
            )
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; expected 0 or more.")
        if self.per_class < 5:
            raise ValueError(
                f"per_class is {self.per_class}; expected 5 or more, so that every "
                "class has images to train and to test."
            )
        if not 32 <= self.size_px <= 1024:
            raise ValueError(f"size_px is {self.size_px}; expected 32 to 1024.")
