"""What of a run's log is not shown at a terminal."""

import logging

# Listings, and remarks of MMEngine on its own code, that nobody at a terminal needs.
_FOR_THE_LOG_FILE = (
    "Hooks will be executed",
    "Distributed training is not used",
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
    "Exp name: ",
    "The previous best checkpoint",
    # Each epoch's; `test` shows all classes.
    "Recall by class, the worst",
)


class ForTerminals(logging.Filter):
    """Leave what only a log file needs to the log file."""

    def filter(self, record: logging.LogRecord) -> bool:
        listing = record.funcName == "_log_env"
        return not (listing or record.getMessage().startswith(_FOR_THE_LOG_FILE))
