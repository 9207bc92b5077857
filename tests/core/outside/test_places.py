"""Places that pictures may be posted to: only what a person named, and no secret is shown twice."""

from __future__ import annotations

import pytest

from orchestrator_core.errors import OutsideError
from orchestrator_core.outside.places import MOST_PLACES, Place, Places
from orchestrator_core.store import Store
from orchestrator_core.webhooks.signing import new_secret
from tests.core.outside.elsewhere import elsewhere

SECRET = new_secret()


def test_a_place_is_kept_with_its_secret_until_it_is_removed(store: Store) -> None:
    places = Places(store)
    made, secret = places.add("  My   Wall ", "https://example.org/pictures?key=abc")
    assert made == Place("My Wall", "https://example.org/pictures?…")
    assert (places.all(), places.open("my wall").secret) == ([made], secret)
    assert places.open("MY WALL").to.url == "https://example.org/pictures?key=abc"
    assert places.add("b", "https://example.org", SECRET)[1] == SECRET
    assert places.remove("my wall") == made
    assert [place.name for place in places.all()] == ["b"]
    with pytest.raises(OutsideError, match="no place 'My Wall'"):
        places.remove("My Wall")


@pytest.mark.parametrize(
    ("name", "url", "secret", "told"),
    [
        ("", "https://example.org", "", "has a name of 1 to 100"),
        ("a/b", "https://example.org", "", "without slashes"),
        ("..", "https://example.org", "", "without slashes"),
        ("a\0b", "https://example.org", "", "without slashes"),
        ("\udcff", "https://example.org", "", "without slashes"),
        ("a" * 101, "https://example.org", "", "1 to 100 characters"),
        ("a", "ftp://example.org", "", "is no address; write it as https://example.org/pictures"),
        ("a", "https://me:pw@example.org", "", "An address of a gallery elsewhere has no user"),
        ("a", "https://example.org/x\0y", "", "control characters"),
        ("a", "https://example.org/../x", "", "a step like"),
        ("a", "https://example.org/" + "x" * 2000, "", "has at most 2,000 characters"),
        ("a", "https://example.org", "hunter2", "That is no secret: whsec_"),
    ],
)
def test_what_can_be_no_place_is_refused(sqlite_store: Store, name: str, url: str, secret: str, told: str) -> None:
    with pytest.raises(OutsideError, match=told) as refused:
        Places(sqlite_store).add(name, url, secret)
    assert "hunter2" not in str(refused.value)
    assert "pw" not in str(refused.value)
    assert not Places(sqlite_store).all()


def test_two_places_of_one_name_and_too_many_are_refused(sqlite_store: Store) -> None:
    places = Places(sqlite_store)
    places.add("wall", "https://example.org")
    with pytest.raises(OutsideError, match="already"):
        places.add("WALL", "https://example.com")
    for number in range(MOST_PLACES - 1):
        places.add(f"n{number}", "https://example.org")
    with pytest.raises(OutsideError, match="that is the most"):
        places.add("one more", "https://example.org")


@pytest.mark.network
def test_a_check_is_signed_and_has_no_picture(sqlite_store: Store) -> None:
    places = Places(sqlite_store)
    with elsewhere(SECRET) as place:
        places.add("wall", place.url, SECRET)
        assert places.check("wall").status == 204
        assert place.came[0].record == {"schema_version": 1, "check": True}
        places.add("stranger", place.url)
        refused = places.check("stranger")
    assert (refused.status, refused.is_delivered) == (401, False)


@pytest.mark.network
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1/pictures", "outside add NAME http://127.0.0.1:80/"),
        ("http://169.254.169.254:80/latest", "where nothing may be posted"),
        ("http://[::ffff:169.254.169.254]:80/", "where nothing may be posted"),
    ],
)
def test_nothing_goes_where_only_this_machine_may(sqlite_store: Store, url: str, told: str) -> None:
    """The loopback only where its port was named."""
    places = Places(sqlite_store)
    places.add("wall", url)
    outcome = places.check("wall")
    assert told in outcome.error
    assert (outcome.status, outcome.may_help) == (0, False)
