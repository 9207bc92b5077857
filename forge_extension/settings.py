"""The studio's settings, and those of the script, in the host's own settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator_app.studio.environment import Settings
from orchestrator_core.errors import ConfigError
from orchestrator_core.spec import problems_of
from orchestrator_core.stages import generate_prompt

_PREFIX = "orchestrator_"
Model = TypeVar("Model", bound=BaseModel)
_STAGE = generate_prompt.Options.model_fields


class ScriptDefaults(BaseModel):
    """What the script's elements hold in a page that was just opened, and what pasting does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    script_enabled: bool = Field(False, description="Resolve wildcards in ordinary txt2img and img2img runs.")
    script_method: generate_prompt.Method = Field("random", description=_STAGE["method"].description or "")
    script_missing: generate_prompt.Missing = Field("keep", description=_STAGE["missing"].description or "")
    paste: Literal["template", "prompt"] = Field(
        "template", description="What pasting an image's infotext puts into the prompt, if its template still gives it."
    )


class HostSettings(Protocol):
    """What is needed of the host; ``host.settings`` has it."""

    def read(self, defaults: Mapping[str, Any]) -> dict[str, Any]: ...

    def write(self, values: Mapping[str, Any]) -> str: ...

    def where(self) -> str: ...


class HostKeeper:
    """A ``SettingsKeeper``. Lists are kept as texts, one item a line, since the host's page knows no lists of texts."""

    def __init__(self, host: HostSettings) -> None:
        self.host = host
        self.where = host.where()

    def load(self) -> Settings:
        """Raises ConfigError."""
        return self._loaded(Settings)

    def script_defaults(self) -> ScriptDefaults:
        """The defaults of these themselves where the settings cannot be used."""
        try:
            return self._loaded(ScriptDefaults)
        except ConfigError:
            return ScriptDefaults()

    def save(self, settings: Settings) -> None:
        """Raises ConfigError."""
        values = {_PREFIX + name: _as_text(getattr(settings, name)) for name in names_of(Settings)}
        if problem := self.host.write(values):
            raise ConfigError(f"{self.where} cannot be changed: {problem}.")

    def _loaded(self, model: type[Model]) -> Model:
        defaults = {_PREFIX + name: _as_text(model.model_fields[name].default) for name in names_of(model)}
        found = self.host.read(defaults)
        values = {name: _as_value(found[_PREFIX + name], model, name) for name in names_of(model)}
        try:
            return model.model_validate(values)
        except ValidationError as error:
            raise ConfigError(
                f"{self.where} hold what is no setting of Orchestrator's: {problems_of(error)}."
            ) from None


def names_of(model: type[BaseModel]) -> list[str]:
    """The fields that a person sets here: Forge needs no address, since this is it, and knows where its LoRAs are."""
    return [name for name in model.model_fields if name not in ("schema_version", "forge_url", "lora_folders")]


def choices_of(model: type[BaseModel], name: str) -> Sequence[str]:
    annotation = model.model_fields[name].annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def is_list(model: type[BaseModel], name: str) -> bool:
    return isinstance(model.model_fields[name].default, tuple)


def key_of(name: str) -> str:
    return _PREFIX + name


def _as_text(value: Any) -> Any:
    return "\n".join(value) if isinstance(value, tuple) else value


def _as_value(value: Any, model: type[BaseModel], name: str) -> Any:
    if not is_list(model, name) or not isinstance(value, str):
        return value
    return tuple(line.strip() for line in value.splitlines() if line.strip())
