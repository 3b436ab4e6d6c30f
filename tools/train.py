"""Train a model."""

from mmleaves.commands.train import main

if __name__ == "__main__":
    main()
