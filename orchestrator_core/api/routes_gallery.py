"""GALLERY: the routes below ``/gallery``."""

from __future__ import annotations

from orchestrator_core.api import gallery_finding as finding
from orchestrator_core.api import gallery_models as shown
from orchestrator_core.api.routing import Route

_IMAGES = "/gallery/images"
_IMAGE = f"{_IMAGES}/{{image}}"

GALLERY: tuple[Route, ...] = (
    Route("GET", _IMAGES, finding.listed, shown.CardPage, "Images that a query finds", query=shown.PageWanted),
    Route("GET", "/gallery/count", finding.count, shown.Counted, "How many a query finds", query=shown.Wanted),
    Route("GET", _IMAGE, finding.one, shown.Whole, "All that is known of an image"),
)
