"""Draw predictions with their images, the least certain and the wrong ones first."""

from mmleaves.commands.show_predictions import main

if __name__ == "__main__":
    main()
