"""Floor 3: devices, files and the stem store."""
