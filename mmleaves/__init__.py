"""Fine-tuning of image classifiers on small sets of your own, on top of MMPretrain."""

__version__ = "0.1.0"
