"""GALLERY: the routes below ``/gallery``. Those of a picture's own file are in image_bytes.py."""

from __future__ import annotations

from orchestrator_core.api import gallery_changes as changes
from orchestrator_core.api import gallery_exchange as exchange
from orchestrator_core.api import gallery_finding as finding
from orchestrator_core.api import gallery_folders as folders
from orchestrator_core.api import gallery_marks as marks
from orchestrator_core.api import gallery_models as shown
from orchestrator_core.api.events import SSE
from orchestrator_core.api.models import Nothing
from orchestrator_core.api.routing import LARGE, Route

_IMAGES = "/gallery/images"
_IMAGE, _SEARCH = f"{_IMAGES}/{{image}}", "/gallery/searches/{search*}"
_STALE = {"412": marks.StaleShown}

_FINDING = (
    Route("GET", _IMAGES, finding.listed, shown.CardPage, "Images that a query finds", query=shown.PageWanted),
    Route("GET", "/gallery/count", finding.count, shown.Counted, "How many a query finds", query=shown.Wanted),
    Route(
        "GET",
        "/gallery/facets",
        finding.facets,
        shown.FacetsShown,
        "What they can be narrowed by",
        query=shown.FacetsWanted,
    ),
    Route(
        "GET",
        "/gallery/names",
        finding.names,
        shown.NamesShown,
        "Names to complete one that is being typed",
        query=shown.NamesWanted,
    ),
    Route("GET", _IMAGE, finding.one, shown.Whole, "All that is known of an image"),
    Route("GET", "/gallery/searches", finding.searches, shown.SearchList, "Queries that are kept under a name"),
    Route("PUT", _SEARCH, finding.save_search, shown.SearchList, "Keep one", body=shown.SearchAsked),
    Route("DELETE", _SEARCH, finding.delete_search, shown.SearchList, "Keep it no more"),
)
_MARKING = (
    Route(
        "PUT",
        f"{_IMAGE}/marks",
        marks.mark,
        marks.MarkedShown,
        "Say of it what you think; learning hears it",
        body=marks.FieldsAsked,
        refusals=_STALE,
        headers=("If-Match",),
    ),
    Route(
        "POST",
        "/gallery/marks",
        marks.mark_all,
        marks.MarkedShown,
        "The same of several images, or of none",
        body=marks.BulkAsked,
        refusals=_STALE,
    ),
    Route(
        "POST",
        "/gallery/undo",
        marks.undo,
        marks.MarkedShown,
        "Take a step back",
        body=marks.UndoAsked,
        refusals=_STALE,
    ),
)
_CHANGES = (
    Route(
        "GET",
        "/gallery/changes",
        changes.changes,
        changes.ChangesShown,
        "What changed after a revision, at once or when something does",
        query=changes.ChangesWanted,
    ),
    Route(
        "GET",
        "/gallery/events",
        changes.events,
        None,
        "The same, as it happens",
        query=changes.SinceWanted,
        content_type=SSE,
    ),
)
_FOLDERS = (
    Route("GET", "/gallery/folders", folders.listed, folders.FoldersShown, "What is looked through, and how far"),
    Route(
        "POST",
        "/gallery/folders",
        folders.add,
        folders.FoldersShown,
        "Look through one that this host offers",
        body=folders.FolderAsked,
    ),
    Route(
        "POST",
        "/gallery/index",
        folders.index,
        folders.FoldersShown,
        "Look at all folders in the background",
        body=Nothing,
    ),
)
_EXCHANGE = (
    Route("GET", "/gallery/export", exchange.exported, None, "All marks", content_type=exchange.NDJSON),
    Route(
        "POST",
        "/gallery/import",
        exchange.imported,
        exchange.ImportedShown,
        "Set the marks of JSON lines",
        takes_kinds=exchange.TAKEN,
        most=LARGE,
    ),
)
GALLERY: tuple[Route, ...] = _FINDING + _MARKING + _CHANGES + _FOLDERS + _EXCHANGE
