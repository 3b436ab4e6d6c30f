"""Find what would go wrong in a run: versions, machine, config, data, weights."""

from mmleaves.commands.doctor import main

if __name__ == "__main__":
    main()
