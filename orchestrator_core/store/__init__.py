"""The store: what this pack remembers, in one database that both hosts share. Start at ``Store.open()``.

SQLite by default, PostgreSQL by URL, through SQLAlchemy Core. Importing this package imports sqlalchemy, so import it
inside the function that needs it.
"""

from __future__ import annotations

from orchestrator_core.store.contents import file_sha256
from orchestrator_core.store.database import Store
from orchestrator_core.store.rows import StoredImage

__all__ = ["Store", "StoredImage", "file_sha256"]
