"""Draw a config's learning rate and momentum over the whole run."""

from mmleaves.commands.vis_scheduler import main

if __name__ == "__main__":
    main()
