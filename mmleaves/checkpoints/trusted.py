"""Where a user says whose code may run."""

# Of the files that may run code: their sha256, with commas between; processes that are
# started from here have it as well.
VARIABLE = "MMLEAVES_TRUST"
