"""The audio engine: no Qt, no OpenGL, no torch, no print, no settings files."""
