"""Puts the extension together, and hooks it into the host. Imported only in a host that it can run in."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from forge_extension.drawing import ScriptOptions
from forge_extension.environment import ForgeEnvironment
from forge_extension.host import hooks
from forge_extension.host import settings as host_settings
from forge_extension.host.forge import Forge
from forge_extension.pasting import restore
from forge_extension.resolver import Resolver
from forge_extension.script import TITLE, script_class
from forge_extension.settings import ScriptDefaults, choices_of, is_list, key_of, names_of
from orchestrator_app.studio.environment import Settings

# Forge lets every text be made higher, also those of one line.
_OF_FORGE = '#orchestrator_tabs textarea[rows="1"] { resize: none !important; }'


class Pack:
    """One load of the extension. The host forgets the hooks of the load before by itself."""

    def __init__(self) -> None:
        self.environment = ForgeEnvironment(Forge())

    def register(self) -> type:
        """Hooks in; returns the class of the script."""
        hooks.hook_settings(self._add_settings)
        hooks.hook_tab(self._tab, TITLE, "orchestrator")
        hooks.hook_paste(self._paste)
        hooks.hook_end(self.environment.close)
        resolver = Resolver(self.environment.host, self.environment)
        return script_class(resolver, self._script_defaults, lambda: self.environment.profiles.genres)

    def _script_defaults(self) -> ScriptOptions:
        found, settings = self.environment.keeper.script_defaults(), self.environment.settings()
        return ScriptOptions(
            enabled=found.script_enabled,
            dialect=settings.dialect,
            method=found.script_method,
            missing=found.script_missing,
        )

    def _paste(self, infotext: str, parameters: dict[str, Any]) -> None:
        if self.environment.keeper.script_defaults().paste == "template":
            environment = self.environment
            restore(infotext, parameters, lambda: environment.wildcards(environment.settings()), environment.profiles)

    def _tab(self) -> Any:
        import gradio as gr

        from orchestrator_app.studio.build import build
        from orchestrator_app.studio.style import STYLE

        blocks = build(self.environment.studio())
        with blocks:
            gr.HTML(f"<style>{STYLE}{_OF_FORGE}</style>")
        return blocks

    def _add_settings(self) -> None:
        host_settings.add([*_settings_of(Settings), *_settings_of(ScriptDefaults)])


def _settings_of(model: type[BaseModel]) -> list[host_settings.Setting]:
    return [_setting(model, name) for name in names_of(model)]


def _setting(model: type[BaseModel], name: str) -> host_settings.Setting:
    info = model.model_fields[name]
    many = is_list(model, name)
    default = "\n".join(info.default) if many else info.default
    text = f"{info.description or ''}{' One a line.' if many else ''}"
    label = name.replace("_", " ").capitalize()
    return host_settings.Setting(key_of(name), default, label, text, choices_of(model, name), 3 if many else 1)
