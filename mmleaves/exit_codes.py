"""What the process ends with: every code, as `docs/safe_runs.md` lists them."""

DONE = 0
# Python's own for what nobody expected: most likely a fault of ours. Also of `check`
# that found what makes results wrong, of `repeat` with runs that failed, and of
# `calibrate` that missed a goal.
FAULT = 1
# As argparse: what the user gave cannot be used.
USAGE = 2
NO_GOOD_CHECKPOINT = 3
FOREIGN_PICKLE = 4
NUMBERS = 5
LOCKED = 6
# These as in sysexits.h: the system failed, an error of input or output, "try again".
MACHINE = 71
CANNOT_WRITE = 74
INTERRUPTED = 75
# As shells have it: 128 and the number of SIGINT.
CTRL_C = 130
# The same of SIGPIPE: who read what is printed went away.
PIPE_CLOSED = 141
# The same of SIGTERM, where nothing is saved: `repeat`.
TERMINATED = 143
