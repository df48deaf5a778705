"""Shaders, icons, theme, presets and the demo song."""
