"""What looks at images, for the command line: with the vectors in the store, and a person's own images among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from orchestrator_core.errors import ConfigError

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Scorer


def open_here(backend: str = "auto", *, makes_store: bool = True, **settings: Any) -> Scorer:
    """``settings``: of ``ScorerSettings``. ``makes_store``: else vectors are kept only where a store is already.

    Servers beyond this machine and its network are those that the environment allows. Raises ConfigError, ScorerError.
    """
    from orchestrator_core.store import Store
    from orchestrator_core.vision.bank import StoreBank
    from orchestrator_core.vision.opening import Backend, ScorerSettings, open_scorer
    from orchestrator_core.vision.stored_vectors import StoredVectors

    if backend not in get_args(Backend):
        raise ConfigError(f"There is no backend {backend!r}. Use one of: {', '.join(get_args(Backend))}.")
    vectors = StoredVectors(lambda: Store.open(create=makes_store))
    given: dict[str, Any] = {"backend": backend, **settings}
    return open_scorer(ScorerSettings(**given), cache=vectors, bank=StoreBank(vectors))
