"""Scores of components and people's marks → how much more, or less often a value is drawn: an overlay over its odds."""
