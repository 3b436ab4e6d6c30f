"""The console command ``mmleaves COMMAND …``: the same functions as tools/."""

import sys
from importlib import import_module

from mmleaves.exit_codes import USAGE

COMMANDS = {
    "check": "find what is wrong with a data set",
    "unpack": "unpack an archive of images, if nothing in it can do harm",
    "doctor": "find what would go wrong in a run",
    "train": "train a model",
    "test": "score a checkpoint",
    "predict": "predict the class of images",
    "repeat": "train recipes on many splits and seeds by one plan",
    "compare": "say which of several recipes is better",
    "report": "write verdicts, scores and images into one page",
    "calibrate": "try how often compare and the usual rules are wrong",
    "print-config": "print a config with its bases merged in",
    "vis-scheduler": "draw a config's learning rate and momentum",
    "find-lr": "find a learning rate by a sweep",
    "linear-probe": "train a grid of linear classifiers at once",
    "freeze-report": "count what a config trains, part by part",
    "fold": "fold a trained RepVGG or the like into a plain net",
    "make-sample": "draw a data set of leaves",
    "show-predictions": "draw predictions with their images",
}


def main(argv: list[str] | None = None) -> None:
    """Run the command that the first argument names, with the others."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
        return
    if name == "--version":
        from mmleaves import __version__

        print(f"mmleaves {__version__}")
        return
    if name not in COMMANDS:
        print(f"mmleaves: there is no command {name!r}.\n\n{usage()}", file=sys.stderr)
        sys.exit(USAGE)
    # What `--help` calls the program.
    sys.argv[0] = f"mmleaves {name}"
    import_module(f"mmleaves.commands.{name.replace('-', '_')}").main(rest)


def usage() -> str:
    """Return the list of commands."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {does}" for name, does in COMMANDS.items()]
    return "\n".join(
        [
            "usage: mmleaves COMMAND ...",
            "",
            "Fine-tuning of image classifiers on small sets of your own.",
            "",
            *lines,
            "",
            "`mmleaves COMMAND --help` says what a command takes.",
        ]
    )


if __name__ == "__main__":
    main()
