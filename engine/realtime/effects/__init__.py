"""What the mic chain is made of: one file an effect, run by the device thread."""
