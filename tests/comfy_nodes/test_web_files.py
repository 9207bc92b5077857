"""What the page loads as files: each text is there in each language, each node has its help."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.loras.missing import KINDS

ROOT = Path(__file__).resolve().parents[2]
LOCALES = ROOT / "locales"
WEB = ROOT / "comfy_nodes" / "web"
LANGUAGES = sorted(folder.name for folder in LOCALES.iterdir())
FILES = ("main", "nodeDefs", "commands", "settings")
NODES = (
    "OrchestratorWildcardPrompt",
    "OrchestratorPromptInspector",
    "OrchestratorSaveImage",
    "OrchestratorRunRecorder",
    "OrchestratorLoRASelector",
    "OrchestratorLoRAStackApply",
    "OrchestratorLLMModel",
    "OrchestratorLLMEnhance",
    "OrchestratorProfileLoader",
    "OrchestratorStoryMemory",
    "OrchestratorCLIPScorer",
    "OrchestratorScorerModel",
    "OrchestratorFeedbackRecorder",
    "OrchestratorRetryUntil",
)
SCRIPTS = {path.name: path.read_text("utf-8") for path in sorted((WEB / "js").glob("*.js"))}
OURS = "\n".join(SCRIPTS.values())


def texts(language: str, file: str) -> dict[str, str]:
    """``{"orchestrator.title_next": "Next run …"}``"""

    def flat(data: Any, prefix: str) -> dict[str, str]:
        if isinstance(data, str):
            return {prefix: data}
        return {key: text for name, value in data.items() for key, text in flat(value, f"{prefix}.{name}").items()}

    return flat(json.loads((LOCALES / language / f"{file}.json").read_text("utf-8")), "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("file", FILES)
def test_each_language_says_all_that_english_says(language: str, file: str):
    said, english = texts(language, file), texts("en", file)
    assert list(said) == list(english)
    assert [key for key, text in said.items() if not text.strip()] == []
    for key, text in said.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", english[key])), key


def test_each_text_that_the_scripts_show_is_there_and_none_is_left_over():
    known = {key.removeprefix(".orchestrator.") for key in texts("en", "main") if key.startswith(".orchestrator.")}
    used = set(re.findall(r"""\bt\(\s*["']([^"'$]+)["']""", OURS)) | set(re.findall(r"""["'](title\w+)["']""", OURS))
    used |= {"added", "changed", "removed", "drawn", "from", "chanceHead", "reloaded", "nothingChanged"}  # by list
    used |= {
        key
        for key in known
        if key.startswith(("kind_", "button_", "title_", "share_", "shareMore_", "enhance_status_"))
    }
    used |= {key for key in known if key.startswith(("learn_mode_", "learn_name_"))}
    queue = tuple(f"queue_{part}_" for part in ("view", "empty", "state", "reason", "do", "outcome", "target"))
    used |= {key for key in known if key.startswith(queue)}
    used |= {
        key for key in known if key.startswith(("lora_flag_", "lora_sort_", "lora_state_", "lora_field_", "lora_test_"))
    }
    used |= {f"lora_{part}_{kind}" for part in ("sentence", "advice") for kind in KINDS}
    used |= set(re.findall(r"""["'](lora_\w+)["']""", OURS)) & known  # one of two
    assert used == known


def test_the_page_says_of_a_flag_what_the_core_says():
    english = texts("en", "main")
    for kind, flag in KINDS.items():
        said = tuple(english[f".orchestrator.lora_{part}_{kind}"] for part in ("flag", "sentence", "advice"))
        assert said == (flag.title, flag.sentence, flag.advice)


@pytest.mark.parametrize("kind", ["commands", "settings"])
def test_commands_and_settings_have_names(kind: str):
    blocks = [block[: block.index("\n  ],\n")] for block in OURS.split(f"\n  {kind}: [")[1:]]
    ids = re.findall(r'id: "(Orchestrator\.\w+)"', "\n".join(blocks))
    named = dict.fromkeys(key.split(".")[1] for key in texts("en", kind))
    assert [name.replace(".", "_") for name in ids] == list(named)


@pytest.mark.parametrize("node", NODES)
def test_each_node_has_a_help_page_in_each_language(node: str):
    pages = [WEB / "docs" / f"{node}.md"]
    pages += [WEB / "docs" / node / f"{language}.md" for language in LANGUAGES if language != "en"]
    for page in pages:
        assert page.read_text("utf-8").startswith("# "), page


def test_texts_that_the_frontend_compiles_hold_nothing_that_it_would_take_for_its_own():
    # vue-i18n: {name} is a value, | a plural, @ a link; a brace is written {'{'}
    for language in LANGUAGES:
        for file in ("nodeDefs", "commands", "settings"):
            for key, text in texts(language, file).items():
                assert not re.search(r"[{}|@]", re.sub(r"\{'[{}]'\}", "", text)), (language, key)


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_each_script_imports_what_another_one_exports(name: str):
    for names, module in re.findall(r"import \{([^}]+)\} from \"\./(\w+\.js)\"", SCRIPTS[name]):
        exported = set(re.findall(r"export (?:async )?(?:function|class|const) (\w+)", SCRIPTS[module]))
        exported |= {
            part.strip() for found in re.findall(r"export \{([^}]+)\}", SCRIPTS[module]) for part in found.split(",")
        }
        assert {part.strip() for part in names.split(",") if part.strip()} <= exported


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_a_script_uses_all_that_it_imports_and_puts_no_text_in_as_markup(name: str):
    script = SCRIPTS[name]
    body = re.sub(r"import \{[^}]+\} from .*", "", script)
    for names, _ in re.findall(r"import \{([^}]+)\} from (\S+)", script):
        unused = [
            part.strip() for part in names.split(",") if part.strip() and not re.search(rf"\b{part.strip()}\b", body)
        ]
        assert unused == []
    assert [line for line in script.splitlines() if "innerHTML" in line and "// constant" not in line] == []
    assert ".prototype" not in script
