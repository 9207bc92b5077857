"""The routes of the pack: what they answer, whom they refuse, and that the server's loop never waits for them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy_nodes.drawn import drawn_as_json
from comfy_nodes.routes import MAX_BODY, Reply, Request, routes
from orchestrator_core.template import Template, Wildcards
from tests.core.template.engine import NONE, wildcards_in
from tests.fakes import awaited

HOST = "127.0.0.1:8188"


class Body:
    """A request's body; ``taken`` is what was read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.taken = 0

    async def read(self, n: int = -1, /) -> bytes:
        piece = self.data[self.taken : self.taken + min(n, 1000 if len(self.data) < 10_000 else 100_000)]
        self.taken += len(piece)
        return piece


@dataclass
class Asked:
    """A request, as aiohttp's are."""

    method: str
    content: Body = field(default_factory=lambda: Body(b""))
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=lambda: {"Host": HOST})
    content_length: int | None = None


def answer(wildcards: Wildcards, request: Request, path: str, embeddings: list[str] | None = None) -> Reply:
    (route,) = [
        route
        for route in routes(wildcards, lambda: embeddings or [])
        if (route.method, route.path) == (request.method, f"/orchestrator/{path}")
    ]
    return awaited(route.handler(request))  # type: ignore[arg-type]


def get(wildcards: Wildcards, path: str, embeddings: list[str] | None = None, **query: str) -> Any:
    reply = answer(wildcards, Asked("GET", query=query), path, embeddings)
    assert reply.status == 200, reply.data
    return json.loads(json.dumps(reply.data))


def post(wildcards: Wildcards, path: str, body: Any) -> Any:
    reply = answer(wildcards, Asked("POST", Body(json.dumps(body).encode())), path)
    assert reply.status == 200, reply.data
    return json.loads(json.dumps(reply.data))


def refused(wildcards: Wildcards, request: Request, path: str) -> tuple[int, str]:
    reply = answer(wildcards, request, path)
    assert list(reply.data) == ["error"]
    assert "Traceback" not in reply.data["error"]
    assert "\n" not in reply.data["error"]
    return reply.status, reply.data["error"]


@pytest.fixture
def wildcards(tmp_path: Path) -> Wildcards:
    return wildcards_in(tmp_path, {"colors/warm.txt": "crimson\namber", "animals.yaml": "cats: [tabby]"})


class TestComplete:
    def test_names_and_embeddings_are_completed(self, wildcards: Wildcards):
        (item,) = get(wildcards, "complete", text="a __wa")["items"]
        assert item == {
            "kind": "wildcard",
            "label": "colors/warm",
            "insert": "__colors/warm__",
            "detail": "2 values · colors/warm.txt",
            "start": 2,
            "end": 6,
        }
        (item,) = get(wildcards, "complete", ["ink.pt"], text="embedding:i")["items"]
        assert item["insert"] == "embedding:ink"

    def test_the_cursor_need_not_be_at_the_end(self, wildcards: Wildcards):
        assert [item["label"] for item in get(wildcards, "complete", text="__wa fox", cursor="4")["items"]] == [
            "colors/warm"
        ]
        assert get(wildcards, "complete", text="__wa fox", cursor="8")["items"] == []

    def test_kinds_can_be_chosen(self, wildcards: Wildcards):
        found = get(wildcards, "complete", text="__colors/warm", kind="value")["items"]
        assert [item["label"] for item in found] == ["crimson", "amber"]

    def test_the_hosts_embeddings_are_listed_only_when_one_is_being_named(self, wildcards: Wildcards):
        calls: list[int] = []
        (route, *_) = routes(wildcards, lambda: calls.append(1) or [])  # type: ignore[func-returns-value]
        awaited(route.handler(Asked("GET", query={"text": "a __wa"})))  # type: ignore[arg-type]
        assert calls == []


class TestDraw:
    def test_prompts_are_drawn_with_their_words_and_slots(self, wildcards: Wildcards):
        body = {"template": "a __colors/warm__ {fox|owl}", "negative_template": "{x|y}", "seed": 3, "count": 2}
        first, second = post(wildcards, "draw", body)["prompts"]
        assert (first["seed"], second["seed"]) == (3, 4)
        expected = Template(body["template"], body["negative_template"]).draw(wildcards, 3)
        assert first == json.loads(json.dumps(drawn_as_json(expected)))
        assert "".join(word["text"] for word in first["words"]) == first["positive"]
        assert [slot["source"] for slot in first["slots"]] == ["__colors/warm__", "{fox|owl}", "{x|y}"]
        assert [slot["text"] for slot in first["slots"]] == [*first["positive"].split()[1:], first["negative"]]

    def test_one_slot_is_drawn_again(self, wildcards: Wildcards):
        body = {"template": "{a|b|c|d|e|f} {1|2|3|4|5|6}", "seed": 1}
        (before,) = post(wildcards, "draw", body)["prompts"]
        slot = before["slots"][1]["id"]
        texts = {
            post(wildcards, "draw", {**body, "rerolls": {slot: times}})["prompts"][0]["positive"] for times in range(9)
        }
        assert {text.split()[0] for text in texts} == {before["positive"].split()[0]}
        assert len({text.split()[1] for text in texts}) > 2

    def test_a_broken_template_is_drawn_and_says_what_is_odd(self, wildcards: Wildcards):
        (drawn,) = post(wildcards, "draw", {"template": "a {fox __nothing__ __../../etc/passwd__"})["prompts"]
        assert {note["kind"] for note in drawn["diagnostics"]} >= {"missing-wildcard", "refused-name"}
        assert "root:" not in drawn["positive"]

    def test_a_variables_assignment_shows_its_value_once(self):
        draft = Template("${pet=!{cat|cat}}a ${pet} and a ${pet}").draw(NONE, 1)
        assert [slot["text"] for slot in drawn_as_json(draft)["slots"]] == ["cat", "", ""]

    def test_seeds_go_round_at_their_end(self):
        (_, second) = post(NONE, "draw", {"template": "x", "seed": 2**64 - 1, "count": 2})["prompts"]
        assert second["seed"] == 0


class TestWildcards:
    def test_they_are_searched_and_described(self, wildcards: Wildcards):
        found = get(wildcards, "wildcards", search="warm")
        assert (found["total"], found["found"]) == (2, 1)
        assert found["wildcards"] == [
            {"name": "colors/warm", "detail": "2 values · colors/warm.txt", "samples": ["crimson", "amber"]}
        ]
        assert get(wildcards, "wildcards", limit="0")["wildcards"] == []

    def test_a_reload_says_what_changed_since_the_page_was_opened(self, wildcards: Wildcards):
        folder = wildcards.roots[0]
        handlers = {route.path: route.handler for route in routes(wildcards)}

        def ask(path: str, method: str) -> Any:
            return awaited(handlers[path](Asked(method))).data  # type: ignore[arg-type]

        ask("/orchestrator/wildcards", "GET")
        (folder / "new.txt").write_text("a")
        (folder / "bad.txt").write_bytes(b"\x00\x01\x02\xff")
        (folder / "colors/warm.txt").write_text("one\ntwo\nthree")
        (folder / "animals.yaml").unlink()
        wildcards.refresh()  # as a draw does by itself
        changes = ask("/orchestrator/wildcards/reload", "POST")
        assert (changes["added"], changes["changed"], changes["removed"]) == (
            ["bad", "new"], ["colors/warm"], ["animals.yaml"],
        )  # fmt: skip
        assert changes["total"] == 3
        assert [problem.split(":")[0] for problem in changes["problems"]] == ["bad.txt"]
        assert len(wildcards.values("colors/warm") or ()) == 3
        again = ask("/orchestrator/wildcards/reload", "POST")
        assert (again["added"], again["changed"], again["removed"]) == ([], [], [])

    def test_a_reload_that_nobody_asked_before_calls_nothing_new(self, wildcards: Wildcards):
        changes = post(wildcards, "wildcards/reload", {})
        assert (changes["total"], changes["added"], changes["changed"], changes["removed"]) == (2, [], [], [])

    def test_a_reload_says_where_it_looked(self, tmp_path: Path):
        roots = [tmp_path / "not yet there", tmp_path / "bundled"]
        roots[1].mkdir()
        assert post(Wildcards(roots), "wildcards/reload", {})["folders"] == [str(root) for root in roots]

    def test_no_get_writes_to_the_disk(self, wildcards: Wildcards):
        def disk() -> list[tuple[str, int]]:
            return sorted((str(path), path.stat().st_mtime_ns) for path in wildcards.roots[0].parent.rglob("*"))

        before = disk()
        get(wildcards, "wildcards")
        get(wildcards, "complete", text="__")
        assert disk() == before


EVERY = [
    ("GET", "complete"), ("POST", "draw"), ("GET", "wildcards"), ("POST", "wildcards/reload"),
]  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize(("method", "path"), EVERY)
    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": HOST, "Origin": "https://evil.example"},
            {"Host": HOST, "Origin": "null"},
            {"Host": HOST, "Origin": "http://127.0.0.1:9999"},
            {"Host": HOST, "Origin": "http://127.0.0.1"},
            {"Host": HOST, "Origin": ""},
            {"Host": HOST, "Origin": "http://["},
            {"Host": "", "Origin": "http://"},
            {"Host": HOST, "Sec-Fetch-Site": "cross-site"},
            {"Host": HOST, "Sec-Fetch-Site": "same-site"},
        ],
    )
    def test_another_page_is_refused(self, method: str, path: str, headers: dict[str, str]):
        body = Body(b"{}")
        status, message = refused(NONE, Asked(method, body, headers=headers), path)
        assert status == 403
        assert "Only ComfyUI's own page" in message
        assert body.taken == 0

    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": HOST},
            {"Host": HOST, "Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"},
            {"Host": "Comfy.local", "Origin": "http://comfy.local"},
            {"Host": "comfy.local:443", "Origin": "https://comfy.local"},
            {"Host": "[::1]:8188", "Origin": "http://[::1]:8188", "Sec-Fetch-Site": "none"},
        ],
    )
    def test_comfyuis_own_page_and_programs_are_not(self, headers: dict[str, str]):
        assert answer(NONE, Asked("GET", headers=headers), "wildcards").status == 200

    def test_a_large_body_is_refused_before_it_is_read(self):
        body = Body(b" " * 1000)
        assert refused(NONE, Asked("POST", body, content_length=100 << 20), "draw")[0] == 413
        assert body.taken == 0

    def test_a_large_body_of_unknown_length_is_read_to_the_limit_only(self):
        body = Body(b" " * (2 << 20))
        assert refused(NONE, Asked("POST", body), "draw")[0] == 413
        assert body.taken == MAX_BODY + 1

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            (b"{", "no JSON"),
            (b"\xff\xfe", "no JSON"),
            (b"[" * 100_000, "no JSON"),
            (b"[]", "must be a JSON object"),
            (b'{"template": 3}', "template: "),
            (b'{"template": "x", "seed": -1}', "seed: "),
            (b'{"template": "x", "count": 1000}', "count: "),
            (b'{"template": "x", "count": "many"}', "count: "),
            (b'{"template": "x", "colour": "red"}', "colour: "),
            (b'{"template": "x", "dialect": "x"}', "dialect: "),
            (b'{"template": "x", "rerolls": {"a": "b"}}', "rerolls.a: "),
            (b'{"template": "x", "rerolls": [1]}', "rerolls: "),
            (b'{"template": "x", "rerolls": "07aa"}', "'07aa' names no part"),
            (b'{"template": "{a|b}", "method": "combinatorial", "index": 7}', "no combination 7"),
            (b'{"template": "__no__", "missing": "error"}', "no wildcard 'no'"),
            (b'{"template": "{%s}"}' % (b"a|" * 150_000), "too long to preview."),
            (b'{"template": "%s", "count": 20}' % (b"a" * 20_000), "too long to preview 20 prompts"),
        ],
    )
    def test_what_cannot_be_drawn_is_said_in_a_line(self, body: bytes, says: str):
        status, message = refused(NONE, Asked("POST", Body(body)), "draw")
        assert (status, says in message) == (400, True), message

    @pytest.mark.parametrize(
        ("path", "query"),
        [
            ("complete", {"text": "__", "cursor": "-1"}),
            ("complete", {"text": "__", "cursor": "here"}),
            ("complete", {"text": "__", "dialect": "klingon"}),
            ("complete", {"text": "__", "limit": "100000"}),
            ("complete", {"file": "../../etc/passwd"}),
            ("wildcards", {"limit": "-1"}),
            ("wildcards", {"folder": "../.."}),
        ],
    )
    def test_what_cannot_be_looked_up_is_said_in_a_line(self, path: str, query: dict[str, str]):
        assert refused(NONE, Asked("GET", query=query), path)[0] == 400

    def test_names_that_lead_out_of_the_folders_find_nothing(self, wildcards: Wildcards):
        (wildcards.roots[0].parent / "secret.txt").write_text("secret")
        for name in ("../secret", "..\\secret", "colors/../../secret", "/../secret"):
            assert get(wildcards, "complete", text=f"__{name}")["items"] == []
            assert get(wildcards, "complete", text=f"__{name}#")["items"] == []
            assert get(wildcards, "wildcards", search=name)["wildcards"] == []

    def test_what_should_not_happen_is_a_sentence_too(self, caplog: pytest.LogCaptureFixture):
        class Broken(Wildcards):
            def search(self, text: str) -> list[str]:
                raise RuntimeError("a secret path")

        status, message = refused(Broken([]), Asked("GET"), "wildcards")
        assert (status, "secret" in message) == (500, False)
        assert "a secret path" in caplog.text

    @given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda t: st.lists(t) | st.dictionaries(
        st.sampled_from(["template", "seed", "count", "rerolls", "index", "method"]), t)))  # fmt: skip
    def test_any_body_is_answered(self, body: Any):
        assert answer(NONE, Asked("POST", Body(json.dumps(body).encode())), "draw").status in (200, 400)


def test_the_servers_loop_does_none_of_the_work():
    threads: list[int] = []

    class Watched(Wildcards):
        def search(self, text: str) -> list[str]:
            threads.append(threading.get_ident())
            return super().search(text)

    assert get(Watched([]), "wildcards")["wildcards"] == []
    assert len(threads) == 1
    assert threads != [threading.get_ident()]
