"""The panels and dialogs of the window, one a file."""
