"""Profiles: who and what a picture is of, as files that people write: looks, setting, style, wishes for the draw."""
