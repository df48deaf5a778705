"""Floor 2: all that the device thread may run (numba nopython only)."""
