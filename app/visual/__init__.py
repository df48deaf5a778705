"""The Julia set on the screen and in files: programs, renderer, palettes, scenes, and the view."""
