"""Profile Loader: who, where and how, chosen from the profiles, for a Wildcard Prompt to draw with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from .host import io
from .profile_cards import chosen_cards, report_of
from .profile_names import BEFORE, PROFILE_LOADER, profile_names
from .profile_shelf import ProfileShelf

_KINDS = (
    ("character", "Who: a character, with looks that every prompt gets."),
    ("setting", "Where it takes place."),
    ("style", "How it is drawn."),
)


class ProfileLoader(io.ComfyNode):
    shelf: ClassVar[ProfileShelf]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=PROFILE_LOADER,
            display_name="Profile Loader",
            category="orchestrator",
            description="Chooses profiles (a character, a setting, a style, a genre) for a Wildcard Prompt, and shows "
            "what they add.",
            inputs=_inputs(cls.shelf),
            outputs=[
                io.String.Output("profiles_out", display_name="profiles", tooltip="Their names, for Wildcard Prompts."),
                io.String.Output("negative", display_name="negative", tooltip="What they keep out of a picture."),
                io.String.Output("family", display_name="family", tooltip="The base model that they are made for."),
                io.String.Output("report", display_name="report", tooltip="What they add, in lines for a person."),
            ],
        )

    @classmethod
    def validate_inputs(
        cls,
        character: str | None = None,
        setting: str | None = None,
        style: str | None = None,
        genre: str | None = None,
    ) -> bool | str:
        """Takes any name: one that is gone since is told in the node, and the others are used."""
        return True

    @classmethod
    def fingerprint_inputs(cls, **values: Any) -> str:
        """Another one as soon as a file of a chosen profile says something else."""
        is_linked = any(value is None for value in values.values())
        return cls.shelf.fingerprint(None if is_linked else profile_names(values))

    @classmethod
    def execute(cls, **values: Any) -> io.NodeOutput:
        names = profile_names(values)
        found = chosen_cards(cls.shelf, names)
        ui = {"orchestrator_profiles": [found]}
        return io.NodeOutput(names, found["negative"], found["family"], report_of(found), ui=ui)


def _inputs(shelf: ProfileShelf) -> list[io.Input]:
    before = io.String.Input(
        BEFORE, optional=True, force_input=True, tooltip="Those of a Profile Loader before this one: more characters."
    )
    combos = [_combo(kind, tooltip, _keys(shelf, kind)) for kind, tooltip in _KINDS]
    genre = _combo("genre", "The genre around your own words: its template, style, negative and odds.", shelf.genres)
    more = io.String.Input(
        "more", optional=True, default="", dynamic_prompts=False, tooltip="More profiles: names, separated by commas."
    )
    return [before, *combos, genre, more]


def _combo(name: str, tooltip: str, keys: Sequence[str]) -> io.Input:
    return io.Combo.Input(name, options=["", *keys], optional=True, default="", tooltip=tooltip)


def _keys(shelf: ProfileShelf, kind: str) -> list[str]:
    """Of this kind, and then those that are of several."""
    there = shelf.library.all()
    return [profile.key for wanted in (kind, "mixed") for profile in there if profile.kind == wanted]
