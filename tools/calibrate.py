"""Try how often `compare` and the usual rules name a winner where there is none."""

from mmleaves.commands.calibrate import main

if __name__ == "__main__":
    main()
