"""A fuzz target for the template engine: ``python tests/fuzz/fuzz_template.py CORPUS -max_total_time=300``.

Needs the package atheris (in no extra, since few Pythons have it). The first byte says what the rest is: a template in
either dialect, or a wildcard file of each kind. ``tests/core/template/test_fuzz.py`` replays the corpus without it.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

PACK = {"a.txt": "one\n2::two {x|y}\n__b__\n", "b.yaml": "b: [p, {text: q, negative: r}, __a__]\n"}
KINDS = ("dynamicprompts", "impact", ".txt", ".yaml", ".json")


def one_input(data: bytes) -> None:
    """Raises only what is a bug."""
    from orchestrator_core.errors import TemplateError
    from orchestrator_core.template import Template, Wildcards

    if not data:
        return
    kind, rest = KINDS[data[0] % len(KINDS)], data[1:]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in PACK.items():
            Path(folder, name).write_text(content)
        if kind.startswith("."):
            Path(folder, "c" + kind).write_bytes(rest)
            text, dialect = "__c__ {2$$__c/*__} __*__", "dynamicprompts"
        else:
            text, dialect = rest.decode("utf-8", "surrogateescape"), kind
        wildcards = Wildcards([folder])
        template = Template(text, text[::-1], dialect)
        draft = template.draw(wildcards, len(data))
        assert "".join(part.text for part in draft.components) == draft.positive
        template.cycle(wildcards, 5)
        with contextlib.suppress(TemplateError):
            list(islice(template.combinations(wildcards), 5))
        wildcards.check()


def main() -> None:
    import atheris

    with atheris.instrument_imports(include=["orchestrator_core"]):
        import orchestrator_core.template  # noqa: F401 - imported here so that it is instrumented
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
