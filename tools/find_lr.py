"""Find a learning rate: train with ever higher ones and see where the loss falls."""

from mmleaves.commands.find_lr import main

if __name__ == "__main__":
    main()
