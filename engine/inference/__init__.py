"""Floor 3: model cards, the model store and one file for each architecture."""
