"""The studio as a page of its own: its environment from the network and the data folder, and its server."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.folders import open_profiles, wildcard_folders
from orchestrator_app.lacking import install_line
from orchestrator_app.storytelling import open_books, open_stories
from orchestrator_app.studio.api_mount import LaterApp, mount
from orchestrator_app.studio.environment import Settings, StudioEnvironment, Target
from orchestrator_app.studio.language_models import StudioModels, own_key
from orchestrator_app.studio.learning import StudioLearning
from orchestrator_app.studio.live import LiveWildcards
from orchestrator_app.studio.lora_place import LoraPlace
from orchestrator_app.studio.scorers import StudioScorers
from orchestrator_app.studio.scoring import RunScoring, Scores
from orchestrator_app.studio.settings_file import SettingsFile
from orchestrator_app.studio.targets import comfy_target, forge_target
from orchestrator_app.studio.working import Here, queue_place
from orchestrator_core.api.wire import PREFIX
from orchestrator_core.config import data_folder
from orchestrator_core.errors import ConfigError

if TYPE_CHECKING:
    from orchestrator_app.studio.api_place import StudioApi
    from orchestrator_core.api.access import Access
    from orchestrator_core.loras.semantic import SemanticPhrases, VectorCache
    from orchestrator_core.store import Store

PORT = 7870  # beside gradio's and Forge's 7860
GRADIO = "gradio>=4.40,<7"  # the extra "studio" of pyproject.toml
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SF Mono", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")


class FolderMeanings:
    """What phrases of LoRAs mean to the text encoder in a folder. Raises ConfigError where there is none."""

    def __init__(self, folder: Path, cache: Callable[[], VectorCache | None]) -> None:
        from orchestrator_core.loras.folder_embedder import FolderEmbedder

        self._embedder, self._cache = FolderEmbedder(folder), cache
        self._lock = threading.Lock()
        self._phrases: SemanticPhrases | None = None

    @contextmanager
    def __call__(self) -> Iterator[SemanticPhrases]:
        from orchestrator_core.loras.semantic import SemanticPhrases

        with self._lock:
            if self._phrases is None:
                self._phrases = SemanticPhrases(self._embedder, self._cache())
            yield self._phrases


def standalone_environment(embedder: Path | None = None) -> StudioEnvironment:
    """ComfyUI and Forge by their addresses; settings, images and the store in the data folder.

    ``embedder``: a folder with a text encoder, for LoRAs that are found by meaning. Raises ConfigError without one.
    """
    loras, wildcards = LoraPlace(_lora_folders, _open_store), LiveWildcards(_folders)
    settings = SettingsFile(data_folder() / "settings.json")
    learning = StudioLearning(_open_store, lambda: wildcards(settings.load()))
    profiles, key = open_profiles(), own_key()
    scorers, keep = StudioScorers(_open_store, key=key.load), Scores(_open_store, learning.learn)
    environment = StudioEnvironment(
        targets=_targets,
        wildcards=wildcards,
        settings=settings,
        store=_open_store,
        loras=loras,
        meanings=None if embedder is None else FolderMeanings(embedder, loras.vectors),
        profiles=profiles,
        stories=open_stories(),
        books=open_books(),
        models=StudioModels(key),
        scoring=RunScoring(scorers, wildcards, keep, library=lambda now: loras(now).source, profiles=profiles),
        marks=learning,
        learned=learning,
        desk=learning,
    )
    here = Here("The studio", lambda target: target.where)
    return replace(environment, queue=queue_place(here, lambda: environment))


def _targets(settings: Settings) -> tuple[Target, ...]:
    parent = Path(settings.output_folder).expanduser() if settings.output_folder else data_folder() / "outputs"
    folder = parent / f"{datetime.now().astimezone():%Y-%m-%d}"
    return comfy_target(settings.comfy_url, folder), forge_target(settings.forge_url, folder)


def _open_store() -> Store:
    from orchestrator_core.store import Store

    return Store.open()


def _lora_folders(settings: Settings) -> list[Path]:
    return [Path(folder).expanduser() for folder in settings.lora_folders]


def _folders(settings: Settings) -> list[Path]:
    """Raises WildcardError for a folder that is not there."""
    chosen = settings.wildcard_folders
    return [*(wildcard_folders(chosen) if chosen else []), *wildcard_folders(())]


def make_page(environment: StudioEnvironment) -> tuple[Any, dict[str, Any]]:
    """(the page, further arguments of its ``launch``). Raises ConfigError where gradio is not installed."""
    # Before gradio is imported: it would otherwise tell its makers of each start.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        import gradio as gr
    except ImportError as error:
        raise ConfigError(
            f"The studio needs gradio, which cannot be imported ({error}). Install it with: {install_line(GRADIO)}"
        ) from None
    from orchestrator_app.studio.build import COPIES, TITLE, build
    from orchestrator_app.studio.style import STYLE

    look = {"theme": _theme(gr), "css": STYLE}
    pages: Any = build(environment)
    if int(gr.__version__.partition(".")[0]) >= 6:  # where the look belongs to launch
        return pages, look
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=COPIES, **look) as around:
        pages.render()
    return around, {}


def hang_api(page: Any, environment: StudioEnvironment, host: str) -> LaterApp:
    """Programs find the API beside the pages, which are launched. Close what this returns before those."""

    def access() -> Access:
        from orchestrator_core.api.access import Access, is_loopback
        from orchestrator_core.api.token import read_token

        return Access(read_token(), is_open=not is_loopback(host))

    def made() -> StudioApi:
        from orchestrator_app.studio.api_place import StudioApi

        return StudioApi(environment, "standalone", access, lambda settings: (settings.comfy_url, settings.forge_url))

    app = LaterApp(made)
    mount(page.app, PREFIX, app)
    return app


def _theme(gr: Any) -> Any:
    """Fonts of the system alone: gradio's own come from the network."""
    return gr.themes.Default(
        primary_hue="teal", secondary_hue="teal", neutral_hue="slate", font=list(_FONTS), font_mono=list(_MONO),
        radius_size="md", text_size="md",
    )  # fmt: skip


def launch_arguments(host: str, port: int, allowed: Sequence[str] = ()) -> dict[str, Any]:
    """What is passed to ``launch`` whatever the version; unknown ones are left out by the caller."""
    return {
        "server_name": host,
        "server_port": port,
        "share": False,
        "quiet": True,
        "show_api": False,
        "footer_links": [],
        "ssr_mode": False,
        "prevent_thread_lock": True,
        "inbrowser": False,
        "allowed_paths": list(allowed),
    }
