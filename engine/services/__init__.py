"""Floor 4: services with threads, processes and lifetimes of their own."""
