"""Floor 1: stateful blocks whose memory is fixed at construction."""
