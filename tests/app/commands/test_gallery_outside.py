"""``orchestrator gallery outside``, ``post`` and ``iib`` as a person types them, and docs/outside.md."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.gallery.service import Gallery
from orchestrator_core.outside.places import Places
from orchestrator_core.outside.posting import Pace, Poster
from orchestrator_core.store import Store
from orchestrator_core.webhooks.sending import Outcome, Posting, outcome_of
from orchestrator_core.webhooks.signing import new_secret
from tests.app.conftest import ROOT, Cli
from tests.core.gallery.images import a1111, write
from tests.core.outside.elsewhere import elsewhere
from tests.core.outside.iib_server import iib_serving

PAGE = (ROOT / "docs" / "outside.md").read_text("utf-8")


@pytest.fixture
def pictures(cli: Cli, tmp_path: Path) -> Path:
    for number in range(1, 4):
        write(tmp_path / "out" / f"{number}.png", a1111("a fox", number), colour=number)
    cli("gallery", "add", tmp_path / "out")
    cli("gallery", "index")
    return tmp_path / "out"


@pytest.mark.network
def test_a_place_is_named_checked_posted_to_and_forgotten(cli: Cli, pictures: Path) -> None:
    assert "None yet" in cli("gallery", "outside", "list").err
    with elsewhere() as place:
        added = cli("gallery", "outside", "add", "wall", place.url)
        place.secret = added.out.strip()
        listed = cli("gallery", "outside", "list")
        assert place.url in listed.out
        assert place.secret not in listed.out + listed.err + added.err
        assert cli("gallery", "outside", "check", "wall").out == "taken (204)\n"
        posted = cli("gallery", "post", "wall", "fox")
        assert (posted.status, posted.out) == (0, "3 posted, 0 there before\n")
        assert "3 found, for wall" in posted.err
        (pictures / "2.png").unlink()
        assert cli("gallery", "post", "wall", "fox").out == "0 posted, 3 there before\n"
        again = cli("gallery", "post", "wall", "fox", "--again")
        assert (again.status, again.out) == (1, "2 posted, 0 there before, 1 failed\n")
        assert "2.png: The file of image" in again.err
        assert cli("gallery", "post", "wall", "owl").out == "0 posted, 0 there before\n"
        place.secret = new_secret()
        assert cli("gallery", "outside", "check", "wall").out == "It answered 401.\n"
        assert cli("gallery", "outside", "remove", "WALL").out == f"removed: {place.url}\n"
    assert "no place 'wall'" in cli("gallery", "post", "wall", "fox").err


def test_more_than_were_asked_for_are_counted_and_not_posted(cli: Cli, pictures: Path) -> None:
    cli("gallery", "outside", "add", "wall", "https://example.org/pictures")
    refused = cli("gallery", "post", "wall", "", "--most", "2")
    assert (refused.status, refused.out) == (2, "")
    assert "3 found, and 2 are posted at most: narrow the query, or say --most. Nothing was posted." in refused.err


def test_a_secret_that_was_given_is_read_from_a_pipe_and_not_shown(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = new_secret()
    monkeypatch.setattr("sys.stdin", io.StringIO(secret + "\n"))
    added = cli("gallery", "outside", "add", "wall", "https://example.org", "--secret", "-")
    assert (added.status, added.out) == (0, "")
    assert secret not in added.err
    assert "That is no secret" in cli("gallery", "outside", "add", "b", "https://example.org", "--secret", "abc").err


@pytest.mark.network
def test_marks_go_to_infinite_image_browsing_and_come_back(
    cli: Cli, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("gallery", "mark", 1, "--favourite", "--rating", 4)
    with iib_serving(pictures, secret="hunter2") as server:
        assert "secret key is wrong" in cli("gallery", "iib", "push", "--url", server.url).err
        monkeypatch.setenv("IIB_SECRET_KEY", "hunter2")
        assert cli("gallery", "iib", "push", "--url", server.url).out == "1 tagged, 0 were so already\n"
        server.give(pictures / "2.png", "★")
        server.give(next(Path(path) for path, tags in server.images.items() if len(tags) == 2), "★★★★★")
        pulled = cli("gallery", "iib", "pull", "--url", server.url)
        assert pulled.out == "1 marked, 0 were so already, 1 kept as they are here\n"
        assert "it has 5 stars there, and 4 here" in pulled.err
        server.roots = ()
        failed = cli("gallery", "iib", "push", "--url", server.url, "rating:1", "--secret", "hunter2", "--mirror")
        assert failed.out == "0 tagged, 1 were so already\n"


def test_the_place_of_the_page_takes_what_is_sent(cli: Cli, pictures: Path) -> None:
    """docs/outside.md's own receiver gets what is really sent."""
    pytest.importorskip("flask")
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {"__name__": "page"}
    exec(code, names)  # noqa: S102 - it is the page's
    client = names["app"].test_client()

    class ToThePage(Posting):
        def send(self, body: bytes, headers: Mapping[str, str]) -> Outcome:
            return outcome_of(client.post(self.to.path, data=body, headers=dict(headers)).status_code)

    with Store.open() as store:
        _, names["SECRET"] = Places(store).add("wall", "https://example.org/pictures")
        poster = Poster(Gallery(store), Pace(posting=lambda opened, _: ToThePage(opened.to, opened.by)))
        assert poster.post("wall", [1, 2]).posted == (1, 2)
        names["SECRET"] = new_secret()
        assert [one.message for one in poster.post("wall", [3]).failed] == ["It answered 401."]
