"""Floor 0: pure functions on arrays (numpy and numba)."""
