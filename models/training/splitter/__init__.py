"""Training of the small network that splits an accompaniment into drums, bass and other.

Songs are rendered from scores with freely licensed sounds (`songs`, `arrangement`, `instruments`, `mixing`),
their vocals taken away by the real Spleeter (`dataset`), and cut, mixed and changed anew for every step
(`examples`). Only `network`, `losses`, `train` and `export` load torch.
"""
