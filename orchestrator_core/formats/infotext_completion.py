"""A host's own infotext, kept word for word, with what we know of the image besides."""

from __future__ import annotations

from orchestrator_core.formats.infotext import Infotext, format_infotext, parse_infotext, what_is_missing
from orchestrator_core.formats.infotext_pairs import quote
from orchestrator_core.request import GenerationRequest, ImageNotes


def complete_infotext(text: str, request: GenerationRequest, notes: ImageNotes) -> str:
    """``text`` with our templates and run id behind it, and whatever else it does not say of the request.

    Reading it gives back the request, the notes and the host's own further pairs. A text that is no infotext, or to
    which nothing can be added so that it is read back, is written anew.
    """
    found = parse_infotext(text)
    wanted = Infotext(request, notes, found.fields)
    templates = {
        "Template": "" if found.notes.template else notes.template,
        "Negative Template": "" if found.notes.negative_template else notes.negative_template,
    }
    added = [f"{key}: {quote(value)}" for key, value in templates.items() if value]
    whole = ", ".join([text.strip(), *added])
    if ours := what_is_missing(wanted, whole):
        whole = f"{whole}, Orchestrator: {quote(ours)}"
    return whole if parse_infotext(whole) == wanted else format_infotext(request, notes, found.fields)
