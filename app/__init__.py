"""Floor 5: what the user meets; the only importer of Qt, OpenGL and the command-line library."""
