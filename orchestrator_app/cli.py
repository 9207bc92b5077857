"""``orchestrator``: the command line. One module of ``commands`` for each command; they import what they need late.

Exit status: 0 done, 1 done in part or something was found, 2 an error that is explained in one line, 130 stopped by
Ctrl-C or a signal, 141 nobody reads what is written.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from orchestrator_app.commands import COMMANDS, gallery_serve
from orchestrator_app.console import problem, use_utf8
from orchestrator_core import __version__
from orchestrator_core.errors import OrchestratorError

FAILED, STOPPED, NOBODY_READS = 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    use_utf8()
    try:
        arguments = _parser().parse_args(gallery_serve.with_action(sys.argv[1:] if argv is None else argv))
    except SystemExit as finished:  # --help, --version, or a usage error that argparse has explained
        return int(finished.code or 0)
    try:
        with _stopping_as_ctrl_c():
            status: int = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt as stop:
        problem("stopped", f"by {str(stop) or 'Ctrl-C'}.")
        return STOPPED
    except Exception as error:  # noqa: BLE001 - a person gets a line, not a traceback
        return _failed(error)


@contextmanager
def _stopping_as_ctrl_c() -> Iterator[None]:
    """A shutdown or a closed terminal stops a run as Ctrl-C does: the server's job too, and what is done is kept."""
    names = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]
    if threading.current_thread() is not threading.main_thread():
        names = []  # only there can a signal be caught
    # What is ignored stays so: nohup means it.
    before = {number: signal.getsignal(number) for number in names if signal.getsignal(number) == signal.SIG_DFL}
    for number in before:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _failed(error: Exception) -> int:
    if isinstance(error, BrokenPipeError) or (isinstance(error, OSError) and error.errno == errno.EPIPE):
        _close_stdout()
        return NOBODY_READS
    if os.environ.get("ORCHESTRATOR_DEBUG"):
        import traceback

        traceback.print_exc()
    if isinstance(error, OrchestratorError):
        problem("error", str(error))
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        problem("error", f"{where}{error.strerror or error}.")
    else:
        problem(
            "error",
            f"this should not have happened ({type(error).__name__}: {error}). "
            "With ORCHESTRATOR_DEBUG=1 in the environment the same command says where; please report that.",
        )
    return FAILED


def _close_stdout() -> None:
    """Python flushes stdout when it ends, and would complain of the closed pipe once more."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="orchestrator",
        description="Draws prompts from templates, renders them, and knows where every word came from.",
        epilog="orchestrator COMMAND --help says more. Start with: orchestrator run",
    )
    parser.add_argument("--version", action="version", version=f"orchestrator {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        command.add_to(commands, name)
    return parser


if __name__ == "__main__":
    sys.exit(main())
