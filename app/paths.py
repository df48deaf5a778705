"""Where Charon keeps what it writes: models and stems, settings, the log.

With the environment variable CHARON_HOME everything is under that one folder; without it each kind
is where the platform expects it (platformdirs). Nothing is created here: whoever writes, creates.
"""

import os
from pathlib import Path

from platformdirs import user_config_path, user_log_path, user_music_path

import resources


def config_folder() -> Path:
    """Folder of the settings: CHARON_HOME/config, or the platform's place for configuration."""
    root = os.environ.get("CHARON_HOME")
    return Path(root, "config") if root else user_config_path("charon", appauthor=False)


def log_folder() -> Path:
    """Folder of the log: CHARON_HOME/log, or the platform's place for logs."""
    root = os.environ.get("CHARON_HOME")
    return Path(root, "log") if root else user_log_path("charon", appauthor=False)


def demo_song() -> Path:
    """The song that comes with Charon."""
    return Path(resources.__file__).parent / "demo" / "over-the-sound.ogg"


def built_in_presets() -> Path:
    """Folder of the mic presets that come with Charon."""
    return Path(resources.__file__).parent / "presets"


def user_presets() -> Path:
    """Folder of the user's own mic presets."""
    return config_folder() / "presets"


def mic_chain_file(side: str) -> Path:
    """Where a chain of the mic ("A" or "B") is kept as it was left."""
    return config_folder() / "mic" / f"{side}.toml"


def takes_folder() -> Path:
    """Folder of what is recorded: CHARON_HOME/takes, or Charon in the user's music."""
    root = os.environ.get("CHARON_HOME")
    return Path(root, "takes") if root else user_music_path() / "Charon"
