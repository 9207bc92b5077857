"""What XMP says of how an image was made: as in EXIF, an infotext or JSON in the user's comment, or in the description.

It is looked for as text and not parsed as XML, whose entities may unfold without end.
Source: XMP specification, part 1 §7 (RDF: a property is an attribute, an element, or a list of ``rdf:li``).
"""

from __future__ import annotations

from html import unescape

NAME = "XML:com.adobe.xmp"  # as a PNG calls the text that it is in
MOST_BYTES = 1024**2


def texts_of(xmp: str) -> dict[str, str]:
    """All of it, and "parameters" where it says some."""
    described = _property(xmp, "dc:description")
    # Any words may describe a picture.
    said = _property(xmp, "exif:UserComment") or (described if "Steps: " in described else "")
    return {NAME: xmp} | ({"parameters": said} if said else {})


def _property(xmp: str, name: str) -> str:
    attribute = f'{name}="'
    at = xmp.find(attribute)
    if at >= 0:
        return unescape(_until(xmp[at + len(attribute) :], '"'))
    at = xmp.find(f"<{name}")
    if at < 0:
        return ""
    inside = _until(xmp[at:], f"</{name}").partition(">")[2]
    if "<rdf:li" in inside:
        inside = _until(inside.partition("<rdf:li")[2].partition(">")[2], "</rdf:li")
    return unescape(inside).strip()


def _until(text: str, end: str) -> str:
    """ "" where it does not end."""
    found, mark, _ = text.partition(end)
    return found if mark else ""
