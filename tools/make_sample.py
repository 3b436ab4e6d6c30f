"""Draw a sample data set of leaves, to try everything without a data set."""

from mmleaves.commands.make_sample import main

if __name__ == "__main__":
    main()
