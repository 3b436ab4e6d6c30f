"""Print a config with its bases merged in."""

from mmleaves.commands.print_config import main

if __name__ == "__main__":
    main()
