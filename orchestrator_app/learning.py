"""The ledger of learning, for the command line: the store is made when something is first written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator_core.store import Store
    from orchestrator_core.weights.ledger import Ledger


def open_ledger() -> Ledger:
    from orchestrator_core.weights.ledger import Ledger

    return Ledger(_opened)


def _opened() -> Store:
    from orchestrator_core.store import Store

    return Store.open()
