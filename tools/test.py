"""Score a checkpoint."""

from mmleaves.commands.test import main

if __name__ == "__main__":
    main()
