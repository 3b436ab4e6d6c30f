"""Fold a trained net of many branches into a plain one that is faster."""

from mmleaves.commands.fold import main

if __name__ == "__main__":
    main()
