"""A private PostgreSQL for tests: its own cluster in a temporary folder, reached through a Unix socket only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FAST = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=40", "listen_addresses="]


class NoPostgres(Exception):
    """There is no server that could be started; the message says why."""


def find_binaries() -> Path:
    """The folder of initdb and postgres: Debian keeps them off the PATH, newest version last."""
    if sys.platform == "win32":
        raise NoPostgres("the test server is reached through a Unix socket")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent, *folders] if on_path else folders
    if not folders or not (folders[-1] / "initdb").exists():
        raise NoPostgres("no initdb in /usr/lib/postgresql/*/bin nor on the PATH (Debian: apt-get install postgresql)")
    return folders[-1]


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start a server; the URL of its one database."""
    binaries = find_binaries()
    # In /tmp, since a socket's path has at most 107 bytes and pytest's folders are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="orchestrator-pg-"))
    user = _server_user(folder)
    data = str(folder / "data")
    try:
        _call(user, binaries / "initdb", "-D", data, "-A", "trust", "-U", "tester", "-E", "UTF8", "--locale=C", "-N")
        options = " ".join(f"-c {setting}" for setting in FAST) + f" -k {folder}"
        _call(
            user, binaries / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", str(folder / "log"), "-o", options, "start"
        )
        yield f"postgresql://tester@/postgres?host={folder}"
    finally:
        with suppress(NoPostgres):
            _call(user, binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def empty_database(server_url: str) -> None:
    """Drop everything in the server's database."""
    import psycopg

    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("SET lock_timeout = 10000")  # a test that left a transaction open fails the next one
        connection.execute("DROP SCHEMA IF EXISTS public CASCADE")
        connection.execute("CREATE SCHEMA public")


def _server_user(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root, so root hands the folder to somebody else; anybody else runs it as is."""
    if os.geteuid() != 0:
        return None
    import pwd

    for user in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
            return user
    raise NoPostgres("root cannot run PostgreSQL, and there is neither a user postgres nor nobody")


def _call(user: str | None, program: Path, *arguments: str) -> None:
    command = [str(program), *arguments]
    # Not captured through a pipe: the server inherits it, and reading it would wait until the server ends.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/", timeout=120, **_as(user)
        )
        output.seek(0)
        if done.returncode:
            raise NoPostgres(f"{program.name} failed: {output.read()[-500:]}")


def _as(user: str | None) -> dict[str, object]:
    if user is None:
        return {}
    import pwd

    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
