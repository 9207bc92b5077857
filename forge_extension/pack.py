"""Puts the extension together, and hooks it into the host. Imported only in a host that it can run in."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from forge_extension.host import hooks, server
from forge_extension.host.forge import Forge
from forge_extension.script import TITLE, script_class

if TYPE_CHECKING:
    from pydantic import BaseModel

    from forge_extension.api_part import ApiPart
    from forge_extension.drawing import ScriptOptions
    from forge_extension.environment import ForgeEnvironment
    from forge_extension.host.settings import Setting
    from forge_extension.resolver import Resolver
    from orchestrator_app.studio.environment import StudioEnvironment

# Forge lets every text be made higher, also those of one line.
_OF_FORGE = '#orchestrator_tabs textarea[rows="1"] { resize: none !important; }'


class Pack:
    """One load of the extension. The host forgets the hooks of the load before by itself.

    What the hooks need is imported when the host calls them. The host's own modules are imported at once: where one is
    not as expected, that is told, and nothing is hooked in.
    """

    def __init__(self) -> None:
        self._host = Forge()

    @cached_property
    def environment(self) -> ForgeEnvironment:
        from forge_extension.environment import ForgeEnvironment

        return ForgeEnvironment(self._host)

    @cached_property
    def resolver(self) -> Resolver:
        from forge_extension.resolver import Resolver

        return Resolver(self._host, self.environment)

    @cached_property
    def api(self) -> ApiPart:
        from forge_extension.api_part import ApiPart

        def studio() -> StudioEnvironment:  # nothing is made before it is asked
            return self.environment.studio()

        return ApiPart(server, studio, self._host.options)

    def register(self) -> type:
        """Hooks in; returns the class of the script."""
        hooks.hook_settings(self._add_settings)
        hooks.hook_tab(self._tab, TITLE, "orchestrator")
        hooks.hook_paste(self._paste)
        hooks.hook_end(self._close)
        server.hook_application(self.api.hang)
        server.hook_application(lambda _: self.environment.queue.place.begin())
        return script_class(lambda: self.resolver, self._script_defaults, lambda: self.environment.profiles.genres)

    def _close(self) -> None:
        self.api.close()
        if "environment" in vars(self):
            self.environment.close()

    def _script_defaults(self) -> ScriptOptions:
        from forge_extension.drawing import ScriptOptions

        found, settings = self.environment.keeper.script_defaults(), self.environment.settings()
        return ScriptOptions(
            enabled=found.script_enabled,
            dialect=settings.dialect,
            method=found.script_method,
            missing=found.script_missing,
        )

    def _paste(self, infotext: str, parameters: dict[str, Any]) -> None:
        from forge_extension.pasting import restore

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
        from forge_extension.host import settings as host_settings
        from forge_extension.settings import ScriptDefaults
        from orchestrator_app.studio.environment import Settings

        host_settings.add([*_settings_of(Settings), *_settings_of(ScriptDefaults)])


def _settings_of(model: type[BaseModel]) -> list[Setting]:
    from forge_extension.settings import names_of

    return [_setting(model, name) for name in names_of(model)]


def _setting(model: type[BaseModel], name: str) -> Setting:
    from forge_extension.host.settings import Setting
    from forge_extension.settings import choices_of, is_list, key_of

    info = model.model_fields[name]
    many = is_list(model, name)
    default = "\n".join(info.default) if many else info.default
    text = f"{info.description or ''}{' One a line.' if many else ''}"
    label = name.replace("_", " ").capitalize()
    return Setting(key_of(name), default, label, text, choices_of(model, name), 3 if many else 1)
