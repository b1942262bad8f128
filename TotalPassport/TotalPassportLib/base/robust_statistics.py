"""Constants of robust statistics, for all that says of a value that it stands apart from others."""

MAD_TO_SD = 1.4826
"""Of a normal distribution: its standard deviation by its median absolute deviation."""
FEWEST_VALUES = 8
"""With fewer values nobody can say which of them stands apart."""
