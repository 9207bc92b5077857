"""Installs and checks the pack; both hosts run it at start-up, and people run it by hand. Standard library only.

    python install.py                 a host's start-up: Forge adds what is missing; everybody else is only told
    python install.py run [-- ARGS]   make .venv, install the pack there, draw and render the bundled example
    python install.py test [-- ARGS]  the same with the test tools, then pytest ARGS
    python install.py comfyui PATH    link the pack into that ComfyUI and check it (--copy: copy instead)
    python install.py forge PATH      the same for a Stable Diffusion WebUI Forge
    python install.py check           does this Python have what the pack needs?

Forge runs it at every start, so that path is a silent no-op in milliseconds when nothing is missing, and it never
changes a package that the host already has: one numpy upgraded by an extension stops Forge from starting.
It must parse on Python 3.8, to be able to say that 3.10 is needed; messages are ASCII, for any console.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import operator
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "sd-orchestrator"
ROOT = Path(__file__).resolve().parent
PYTHON_NEEDED = (3, 10)
# What pip accepts after "==": PEP 440, loosely.
VERSION = re.compile(r"(\d+!)?\d+(\.\d+)*([-_.]?[a-z]+[-_.]?\d*)*(-\d+)?(\+[a-z0-9._-]+)?", re.IGNORECASE)


class Requirement(NamedTuple):
    """A line of requirements.txt, such as ``pydantic>=2.5,<3``."""

    text: str
    name: str
    bounds: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, line: str) -> Requirement:
        """Read a name with its bounds; extras and markers are not for this file."""
        text = line.replace(" ", "")
        return cls(text, re.split(r"[<>=]", text)[0], tuple(re.findall(r"(>=|<=|==|>|<)([^,<>=]+)", text)))

    def installed(self) -> str | None:
        """Return the version that this Python has, or None."""
        try:
            return importlib.metadata.version(self.name) or None
        except importlib.metadata.PackageNotFoundError:
            return None

    def allows(self, version: str) -> bool:
        """Tell whether a version is inside all bounds."""
        compare = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq}
        return all(compare[sign](release(version), release(bound)) for sign, bound in self.bounds)


def release(version: str) -> tuple[int, ...]:
    """``2.8.0rc1`` -> (2, 8): what the bounds of requirements.txt compare. Trailing zeros say nothing."""
    numbers = [int(number) for number in re.findall(r"\d+", re.split(r"[^\d.]", version)[0])]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def requirements() -> list[Requirement]:
    """Read requirements.txt, one requirement a line."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    texts = [line.split("#")[0].strip() for line in lines]
    return [Requirement.parse(text) for text in texts if text]


def unmet() -> tuple[list[Requirement], list[Requirement]]:
    """Return what is absent, and what is there in a version that the pack cannot use."""
    absent, unfit = [], []
    for requirement in requirements():
        version = requirement.installed()
        if version is None:
            absent.append(requirement)
        elif not requirement.allows(version):
            unfit.append(requirement)
    return absent, unfit


def at_host_start() -> None:
    """Install in Forge what is absent; anywhere else say in one line what to do. Silent when nothing is to be done."""
    absent, unfit = unmet()
    for requirement in unfit:
        say(f"needs {requirement.text}, but this host has {requirement.installed()}, which is left as it is.")
    if not absent:
        return
    run_pip = forge_run_pip()
    if run_pip is None:
        say(f"missing {names(absent)}. Install with: {pip_command(absent)}")
        return
    wanted = " ".join(f'"{requirement.text}"' for requirement in absent)
    try:
        with constraints_file() as constraints:
            run_pip(f'install {wanted} -c "{constraints}"', f"{names(absent)} for {NAME}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - pip, the network, the host: all say it in one line
        say(f"could not install {names(absent)}: {first_line(error)} It is tried again at the next start.")
        return
    importlib.invalidate_caches()
    still_absent, _ = unmet()
    if still_absent:
        say(f"still missing {names(still_absent)}: this host does not install packages now.")


def forge_run_pip() -> Any:
    """Return Forge's own installer, which knows its index, flags and uv; None where no Forge started us."""
    if importlib.util.find_spec("launch") is None:
        return None
    return getattr(importlib.import_module("launch"), "run_pip", None)


@contextlib.contextmanager
def constraints_file() -> Iterator[str]:
    """Give pip a file that freezes every installed package, so that it can only add."""
    import tempfile

    frozen: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name, version = distribution.metadata["Name"], distribution.version
        # A half-removed package has no name, and one bad version would make pip refuse the whole file.
        if name and version and VERSION.fullmatch(version):
            frozen.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "constraints.txt"
        path.write_text("".join(f"{name}=={version}\n" for name, version in sorted(frozen.items())), encoding="utf-8")
        yield str(path)


def pip_command(missing: list[Requirement]) -> str:
    """Return the line that a person types to install these into this very Python."""
    # A virtual environment made by uv has no pip.
    tool = f'"{sys.executable}" -m pip install'
    if importlib.util.find_spec("pip") is None:
        tool = f'uv pip install --python "{sys.executable}"'
    return " ".join([tool, *(f'"{requirement.text}"' for requirement in missing)])


def names(missing: list[Requirement]) -> str:
    return ", ".join(requirement.name for requirement in missing)


def first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def say(message: str) -> None:
    print(f"{NAME}: {message}", flush=True)


def check() -> int:
    """Say whether the Python that runs this can import the core, and what it lacks."""
    sys.path.insert(0, str(ROOT))
    core = importlib.import_module("orchestrator_core")
    say(f"orchestrator_core {core.__version__} imports in Python {sys.version.split()[0]} ({sys.executable})")
    absent, unfit = unmet()
    if absent + unfit:
        say(f"missing {names(absent + unfit)}. Install with: {pip_command(absent + unfit)}")
    return 0


def main(arguments: list[str]) -> int:
    """Return the exit status: always 0 for a host, whose start-up must not fail on this pack."""
    if not arguments:
        try:
            if python_suffices():
                at_host_start()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever went wrong, the host has to start
            say(f"the check of its requirements failed: {first_line(error)}")
        return 0
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options, passed_on = parsed(arguments[:split]), arguments[split + 1 :]
    if not python_suffices():
        return 1
    return check() if options.command == "check" else by_hand(options, passed_on)


def by_hand(options: Any, passed_on: list[str]) -> int:
    """Do what a person asked for; that part of the pack may use today's Python, and a host never loads it."""
    sys.path.insert(0, str(ROOT))
    try:
        from orchestrator_app import installing
    except ModuleNotFoundError:
        say("this copy has only what a host needs. Clone the repository for the rest.")
        return 1
    try:
        if options.command == "run":
            return installing.run(ROOT, passed_on)
        if options.command == "test":
            return installing.test(ROOT, passed_on)
        return installing.into_host(ROOT, options.command, Path(options.path), copy=options.copy)
    except installing.InstallError as error:
        say(str(error))
        return 1


def parsed(arguments: list[str]) -> Any:
    import argparse

    parser = argparse.ArgumentParser(prog="install.py", description="Install the pack, run it, test it, check it.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="draw and render the bundled example, or `orchestrator run` with what follows --")
    commands.add_parser("test", help="run the tests, with pytest arguments after --")
    commands.add_parser("check", help="does this Python have what the pack needs?")
    for name, title in (("comfyui", "ComfyUI"), ("forge", "Stable Diffusion WebUI Forge")):
        into = commands.add_parser(name, help=f"link the pack into a {title} and check it")
        into.add_argument("path", help=f"the folder of {title}")
        into.add_argument("--copy", action="store_true", help="copy instead of linking")
    return parser.parse_args(arguments)


def python_suffices() -> bool:
    if sys.version_info[:2] >= PYTHON_NEEDED:
        return True
    say(f"Python 3.10 or newer is needed, this is {sys.version.split()[0]} ({sys.executable})")
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
