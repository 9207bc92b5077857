"""The contact sheet of a run: one HTML file beside its images, which asks the network for nothing."""

from orchestrator_app.contact_sheet.page import Card, Sheet, contact_sheet

__all__ = ["Card", "Sheet", "contact_sheet"]
