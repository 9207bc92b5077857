"""Where to look and when: debounce, reconcile, polling where no events come, and watchdog itself on Linux."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.watching import Timing, Watching
from orchestrator_core.watching.debounce import Debounce
from orchestrator_core.watching.live import native_observer
from orchestrator_core.watching.places import file_system, linked_folders, outermost, sends_no_events
from orchestrator_core.watching.watch import MANY, unit_of
from tests.core.loras.library_files import FakeObserver

TIMING = Timing(quiet=2.0, longest=10.0, reconcile=300.0, polling=(60.0,))


class Clocked:
    """A Watching whose clock the test moves; ``looks`` has what it told, with the time."""

    def __init__(
        self, *folders: Path, observer: FakeObserver | None = None, timing: Timing = TIMING, look_s: float = 0.0
    ) -> None:
        self.time = 0.0
        self.look_s = look_s  # that a look takes
        self.looks: list[tuple[float, frozenset[str] | None]] = []
        self.observer = observer or FakeObserver()
        self.watching = Watching(
            [str(folder) for folder in folders],
            self._look,
            timing,
            clock=lambda: self.time,
            make_observer=lambda: self.observer,
        )
        self.watching.begin()
        self.wait(0)
        assert self.looks == [(0.0, None)]  # the first look is at everything
        self.looks.clear()

    def _look(self, units: frozenset[str] | None) -> None:
        self.looks.append((round(self.time, 3), units))
        self.time += self.look_s

    def wait(self, seconds: float) -> None:
        until = self.time + seconds
        while (pause := self.watching.step()) + self.time <= until:
            self.time += max(pause, 0.001)
        self.time = max(self.time, until)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "watched"
    made.mkdir()
    return made


def test_a_unit_is_looked_at_two_seconds_after_its_last_event(folder: Path) -> None:
    clocked = Clocked(folder)
    for _ in range(3):
        clocked.observer.send("modified", folder / "foo.safetensors")
        clocked.wait(1)
    clocked.wait(20)
    assert clocked.looks == [(4.0, frozenset({str(folder / "foo")}))]


def test_a_unit_that_never_gets_quiet_is_looked_at_every_ten_seconds(folder: Path) -> None:
    clocked = Clocked(folder)
    for _ in range(25):
        clocked.observer.send("modified", folder / "foo.safetensors")
        clocked.wait(1)
    assert [at for at, _ in clocked.looks] == [10.0, 20.0]


def test_a_model_and_its_siblings_are_one_unit(folder: Path) -> None:
    clocked = Clocked(folder)
    for name in ("foo.safetensors", "foo.civitai.info", "foo.preview.png", "foo.safetensors.aria2"):
        clocked.observer.send("created", folder / name)
    clocked.wait(10)
    assert clocked.looks == [(2.0, frozenset({str(folder / "foo")}))]


def test_both_ends_of_a_move_are_looked_at(folder: Path) -> None:
    clocked = Clocked(folder)
    clocked.observer.send("moved", folder / "a.part", folder / "b.safetensors")
    clocked.wait(10)
    assert clocked.looks == [(2.0, frozenset({str(folder / "a"), str(folder / "b")}))]


def test_hidden_files_and_reading_are_no_reason_to_look(folder: Path) -> None:
    clocked = Clocked(folder)
    clocked.observer.send("created", folder / ".foo.swp")
    clocked.observer.send("opened", folder / "foo.txt")
    clocked.observer.send("closed_no_write", folder / "foo.txt")
    clocked.observer.send("modified", folder, folder=True)
    clocked.wait(100)
    assert clocked.looks == []


def test_everything_is_looked_at_every_five_minutes_and_on_demand(folder: Path) -> None:
    clocked = Clocked(folder)
    clocked.wait(299)
    assert clocked.looks == []
    clocked.wait(2)
    assert clocked.looks == [(300.0, None)]
    clocked.watching.reconcile()
    clocked.wait(1)
    assert clocked.looks[1:] == [(301.0, None)]


def test_a_flood_of_units_is_one_look_at_everything(folder: Path) -> None:
    clocked = Clocked(folder)
    for n in range(MANY + 1):
        clocked.observer.send("created", folder / f"{n}.safetensors")
    clocked.wait(10)
    assert clocked.looks == [(2.0, None)]


def test_what_is_asked_for_later_comes_then_or_with_the_next_event(folder: Path) -> None:
    clocked = Clocked(folder)
    clocked.watching.again("later", 8)
    clocked.watching.again(str(folder / "sooner"), 50)
    clocked.observer.send("modified", folder / "sooner.txt")
    clocked.wait(100)
    assert clocked.looks == [(2.0, frozenset({str(folder / "sooner")})), (8.0, frozenset({"later"}))]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EMFILE, errno.EIO])
def test_where_the_system_has_no_watches_left_the_folder_is_polled(folder: Path, code: int) -> None:
    observer = FakeObserver()
    observer.refused[str(folder)] = OSError(code, os.strerror(code))
    clocked = Clocked(folder, observer=observer)
    assert clocked.watching.mode.text == "looks every 60 s"
    assert clocked.watching.mode.polled == ((str(folder), os.strerror(code)),)
    clocked.wait(130)
    assert clocked.looks == [(60.0, frozenset({str(folder)})), (120.0, frozenset({str(folder)}))]


@pytest.mark.parametrize(
    ("look_s", "every"), [(0.0, 5), (0.04, 5), (0.06, 10), (0.15, 20), (0.35, 40), (0.5, 60), (30.0, 60)]
)
def test_a_polled_folder_is_looked_at_so_seldom_that_it_costs_a_hundredth(
    folder: Path, look_s: float, every: float
) -> None:
    observer = FakeObserver()
    observer.refused[str(folder)] = OSError(errno.EIO, "gone")
    clocked = Clocked(folder, observer=observer, timing=Timing(), look_s=look_s)
    assert clocked.watching.mode.text == f"looks every {every} s"
    assert clocked.watching.mode.every_s == every
    clocked.wait(250)
    pauses = [later - sooner for (sooner, _), (later, _) in pairwise(clocked.looks)]
    assert len(pauses) > 1
    assert all(pause == pytest.approx(every + look_s, abs=0.01) for pause in pauses)


def test_looking_gets_more_often_again_when_it_gets_quicker(folder: Path) -> None:
    observer = FakeObserver()
    observer.refused[str(folder)] = OSError(errno.EIO, "gone")
    clocked = Clocked(folder, observer=observer, timing=Timing(), look_s=8.0)  # the first look reads everything
    clocked.look_s = 0.01
    clocked.wait(80)
    assert clocked.watching.mode.text == "looks every 5 s"


def test_only_the_folder_that_needs_it_is_polled(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "network"
    other.mkdir()
    observer = FakeObserver()
    observer.refused[str(other)] = OSError(errno.EIO, "gone")
    clocked = Clocked(folder, other, observer=observer)
    assert clocked.watching.mode.text == f"live; looks every 60 s: {other} (gone)"
    assert list(observer.watched) == [str(folder)]
    observer.refused.clear()
    clocked.wait(301)
    assert clocked.watching.mode.text == "live"
    assert sorted(observer.watched) == sorted([str(folder), str(other)])


def test_a_folder_that_comes_later_is_polled_until_it_is_there_and_live_from_then(tmp_path: Path) -> None:
    clocked = Clocked(tmp_path / "late")
    assert "No such file" in clocked.watching.mode.polled[0][1]
    (tmp_path / "late").mkdir()
    clocked.wait(301)
    assert clocked.watching.mode.text == "live"


def test_a_folder_that_was_replaced_is_watched_anew(folder: Path) -> None:
    clocked = Clocked(folder)
    before = clocked.observer.scheduled
    folder.rename(folder.with_name("old"))
    folder.mkdir()
    clocked.watching.reconcile()
    clocked.wait(1)
    assert clocked.observer.scheduled == before + 1


def test_without_watchdog_folders_are_polled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchdog.observers", None)
    watching = Watching([str(folder)], lambda units: None, TIMING, clock=lambda: 0.0)
    watching.begin()
    watching.step()
    assert watching.mode.polled == ((str(folder), "the package watchdog is not installed"),)
    assert watching.mode.text == "looks every 60 s; install watchdog to see changes at once"


def test_linked_folders_are_watched_at_their_targets_and_told_as_people_see_them(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (folder / "link").symlink_to(tmp_path / "target")
    clocked = Clocked(folder)
    clocked.observer.send("created", tmp_path / "target" / "foo.txt")
    clocked.wait(10)
    assert clocked.looks == [(2.0, frozenset({str(folder / "link" / "foo")}))]


def test_a_link_that_is_made_later_is_followed_at_once(folder: Path, tmp_path: Path) -> None:
    clocked = Clocked(folder)
    (tmp_path / "target").mkdir()
    (folder / "link").symlink_to(tmp_path / "target")
    clocked.observer.send("created", folder / "link")
    clocked.wait(3)
    assert str(tmp_path / "target") in clocked.observer.watched


def test_a_folder_that_is_moved_in_has_the_watch_above_it_made_anew(folder: Path) -> None:
    """watchdog 6 sees nothing that happens in it."""
    clocked = Clocked(folder)
    before = clocked.observer.scheduled
    (folder / "D").mkdir()
    clocked.observer.send("created", folder / "D", folder=True)
    clocked.wait(10)
    assert clocked.observer.scheduled == before + 1
    assert list(clocked.observer.watched) == [str(folder)]


def test_a_watched_folder_that_is_itself_a_link_is_told_by_the_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    clocked = Clocked(tmp_path / "link")
    clocked.observer.send("created", tmp_path / "real" / "foo.txt")
    clocked.wait(10)
    assert clocked.looks == [(2.0, frozenset({str(tmp_path / "link" / "foo")}))]


def test_circles_of_links_end(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "up").symlink_to(folder)
    (folder / "a").symlink_to(folder / "sub")
    assert linked_folders(str(folder)) == [str(folder / "a")]


def test_a_folder_inside_of_another_needs_no_watch_of_its_own(folder: Path) -> None:
    (folder / "sub").mkdir()
    clocked = Clocked(folder, folder / "sub")
    assert list(clocked.observer.watched) == [str(folder)]
    assert outermost(["/a/b", "/a", "/ab"]) == ["/a", "/ab"]


def test_an_error_in_a_look_is_told_and_does_not_end_the_watching(folder: Path) -> None:
    looks: list[int] = []

    def fail(units: frozenset[str] | None) -> None:
        looks.append(1)
        raise ValueError("broken")

    watching = Watching([str(folder)], fail, TIMING, clock=lambda: 0.0, make_observer=FakeObserver)
    watching.begin()
    watching.step()
    assert (looks, watching.problem) == ([1], "ValueError: broken")


MOUNTS = [("/", "ext4"), ("/mnt/nas", "cifs"), ("/mnt/nas/fast", "ext4"), ("/home", "fuse.sshfs"), ("/mnt/c", "9p")]


@pytest.mark.parametrize(
    ("path", "kind", "polled"),
    [
        ("/srv/loras", "ext4", False),
        ("/mnt/nas/loras", "cifs", True),
        ("/mnt/nas/fast/loras", "ext4", False),
        ("/mnt/nasty", "ext4", False),
        ("/home", "fuse.sshfs", True),
        ("/mnt/c/loras", "9p", True),
    ],
)
def test_the_file_system_of_a_folder_tells_whether_events_come(path: str, kind: str, polled: bool) -> None:
    assert file_system(path, MOUNTS) == kind
    assert sends_no_events(kind) is polled


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "smb3", "smbfs", "drvfs", "fuse.rclone"])
def test_network_file_systems_send_no_events(kind: str) -> None:
    assert sends_no_events(kind)
    assert not any(sends_no_events(local) for local in ("btrfs", "xfs", "tmpfs", "overlay", "fuseblk", "zfs", ""))


@pytest.mark.parametrize(
    ("path", "unit"),
    [("/a/foo.v1.safetensors", "/a/foo"), ("/a.b/foo", "/a.b/foo"), ("/a/.hidden.txt", ""), ("/a/", "")],
)
def test_a_unit_is_the_path_to_the_first_dot_of_the_name(path: str, unit: str) -> None:
    assert unit_of(path) == unit


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5)), max_size=40))
def test_no_unit_waits_longer_than_the_longest_and_none_is_lost(hints: list[tuple[str, float]]) -> None:
    debounce, now, first = Debounce(TIMING), 0.0, dict[str, float]()
    for unit, pause in hints:
        now += pause
        for due in debounce.due(now):
            assert now - first.pop(due) <= TIMING.longest + 5
        debounce.hint(unit, now)
        first.setdefault(unit, now)
        at = debounce.next_at()
        assert at is not None
        assert at <= min(first.values()) + TIMING.longest
    assert debounce.due(now + TIMING.quiet) == set(first)
    assert debounce.next_at() is None


class Real:
    """Watching with threads and the system's events."""

    def __init__(self, folder: Path) -> None:
        self.seen: set[str] = set()
        self.changed = threading.Condition()
        self.watching = Watching([str(folder)], self._look, Timing(quiet=0.1, longest=0.5))

    def _look(self, units: frozenset[str] | None) -> None:
        with self.changed:
            self.seen |= units or {"everything"}
            self.changed.notify_all()

    def wait_for(self, *paths: Path) -> None:
        wanted = {str(path) for path in paths}
        with self.changed:
            assert self.changed.wait_for(lambda: wanted <= self.seen, 15), (wanted, self.seen)
            self.seen.clear()


@pytest.fixture
def real(folder: Path, tmp_path: Path) -> Iterator[Real]:
    (tmp_path / "target").mkdir()
    (folder / "link").symlink_to(tmp_path / "target")
    made = Real(folder)
    made.watching.start()
    with made.changed:
        assert made.changed.wait_for(lambda: made.seen, 15)
        made.seen.clear()
    yield made
    made.watching.stop()
    assert not [
        thread.name for thread in threading.enumerate() if "watching" in thread.name or "Inotify" in thread.name
    ]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")
def test_real_events_of_files_folders_moves_and_links(real: Real, folder: Path, tmp_path: Path) -> None:
    assert real.watching.mode.text == "live"
    (folder / "foo.txt").write_text("x")
    real.wait_for(folder / "foo")
    (tmp_path / "D").mkdir()
    (tmp_path / "D" / "in.txt").write_text("x")
    (tmp_path / "D").rename(folder / "D")
    real.wait_for(folder / "D")
    (folder / "foo.txt").rename(folder / "D" / "bar.txt")
    real.wait_for(folder / "foo", folder / "D" / "bar")
    (folder / "D").rename(folder / "E")
    real.wait_for(folder / "D", folder / "E")
    (folder / "E").rename(tmp_path / "E")
    real.wait_for(folder / "E")
    (tmp_path / "target" / "linked.txt").write_text("x")
    real.wait_for(folder / "link" / "linked")


def test_it_may_be_stopped_and_started_again(folder: Path) -> None:
    real = Real(folder)
    for _ in range(2):
        real.watching.start()
        real.watching.start()
        (folder / f"{time.monotonic_ns()}.txt").write_text("x")
        with real.changed:
            assert real.changed.wait_for(lambda: real.seen, 15)
            real.seen.clear()
        real.watching.stop()
        real.watching.stop()


def test_watchdog_has_what_is_used_of_it(folder: Path) -> None:
    observer = native_observer()
    observer.start()
    watch = observer.schedule(object(), str(folder), recursive=True)
    observer.unschedule(watch)
    observer.stop()
    observer.join()
