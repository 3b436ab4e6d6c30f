"""Find what is wrong with a data set before a model is trained on it."""

from mmleaves.commands.check import main

if __name__ == "__main__":
    main()
