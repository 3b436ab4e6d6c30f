"""Say how many parameters of each part of a config's model are trained."""

from mmleaves.commands.freeze_report import main

if __name__ == "__main__":
    main()
