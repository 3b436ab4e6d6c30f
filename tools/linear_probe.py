"""Train many linear classifiers at once on features that are kept; keep the best."""

from mmleaves.commands.linear_probe import main

if __name__ == "__main__":
    main()
