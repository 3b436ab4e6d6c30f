"""Predict the class of images."""

from mmleaves.commands.predict import main

if __name__ == "__main__":
    main()
