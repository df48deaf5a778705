"""Model cards, and the code that trains our own models."""
