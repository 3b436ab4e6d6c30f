"""Unpack a zip or tar archive of images, if no member of it can do harm."""

from mmleaves.commands.unpack import main

if __name__ == "__main__":
    main()
