"""Say whether one recipe is better than another, from the predictions of their runs."""

from mmleaves.commands.compare import main

if __name__ == "__main__":
    main()
