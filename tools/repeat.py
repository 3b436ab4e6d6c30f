"""Train configs again and again, on other folds and by other seeds, and compare."""

from mmleaves.commands.repeat import main

if __name__ == "__main__":
    main()
