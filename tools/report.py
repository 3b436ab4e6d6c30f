"""Write all that is known of recipes and their runs into one page."""

from mmleaves.commands.report import main

if __name__ == "__main__":
    main()
