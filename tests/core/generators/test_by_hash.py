"""LoRAs that a host has under other names: found by their contents, and sent by those names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator_core.generators.by_hash import ByHash
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest, ImageNotes, Progress
from tests.fakes import FakeGenerator

INK, RAIN = LoraUse("ink", 0.5, 0.5, "a" * 64), LoraUse("rain", sha256="b" * 64)


class Host(FakeGenerator):
    """It has these LoRAs."""

    def __init__(self, *names: str) -> None:
        super().__init__(Path("fake"))
        self.names = names

    def lacks(self, request: GenerationRequest) -> Sequence[str]:
        return [f"LoRA: there is no {lora.name}" for lora in request.loras if lora.name not in self.names]


def ignore(progress: Progress) -> None:
    """Shows none."""


def sent(host: Host, asked: list[str], *loras: LoraUse) -> tuple[LoraUse, ...]:
    def name_of(sha256: str) -> str:
        asked.append(sha256)
        return "old ink" if sha256 == INK.sha256 else ""

    generator = ByHash(host, name_of)
    generator.generate(GenerationRequest("", loras=loras), ImageNotes("1"), ignore)
    return host.history[-1][0].loras


def test_a_lora_with_another_name_is_sent_by_it() -> None:
    (lora,) = sent(Host("old ink"), [], INK)
    assert lora == LoraUse("old ink", 0.5, 0.5, INK.sha256)


def test_nobody_is_asked_for_contents_while_the_names_are_there() -> None:
    asked: list[str] = []
    nameless = LoraUse("fog")
    assert sent(Host("ink"), asked, INK, nameless) == (INK, nameless)
    assert asked == []


def test_what_a_host_has_under_no_name_is_lacking() -> None:
    host = Host("old ink")
    generator = ByHash(host, {INK.sha256: "old ink"}.get)  # type: ignore[arg-type]
    assert generator.lacks(GenerationRequest("", loras=(INK,))) == []
    assert generator.lacks(GenerationRequest("", loras=(RAIN,))) == ["LoRA: there is no rain"]
    assert generator.adopted(GenerationRequest(""), ImageNotes("1"), ignore) == ()  # it cannot say
