"""What of a canvas workflow goes along: what ComfyUI needs to open and run it, every text of it searched.

Known keys are kept and all others left out, since a pack may write anything into a workflow. In what is kept, a widget
whose name says that it holds a key or a server is emptied, a picture of the person's input folder becomes ComfyUI's
``example.png``, a model keeps its sub-folder only where the host lists it so, and everything else is searched.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any

from orchestrator_core.formats.sharing_canvas import Canvas, Level
from orchestrator_core.formats.sharing_nodes import (
    LORA_LOADERS,
    LORA_NODES,
    NOTES,
    Node,
    definition_of,
    is_model_file,
    widget_places,
)
from orchestrator_core.formats.sharing_words import GAP, Finding, Scrubber, file_name, is_public

EXAMPLE = "example"  # ComfyUI's own input/example.png

_WORKFLOW = {
    *("nodes", "links", "floatingLinks", "reroutes", "groups", "config", "definitions", "extra", "models", "state"),
    *("last_node_id", "last_link_id", "version", "revision"),
}
_SUBGRAPH = (_WORKFLOW - {"definitions", "models"}) | {
    *("id", "name", "category", "description", "inputNode", "outputNode", "inputs", "outputs", "widgets"),
}
_EXTRA = frozenset(["reroutes", "linkExtensions", "groupNodes", "ue_links"])
_NODE = {
    *("id", "type", "pos", "size", "flags", "order", "mode", "inputs", "outputs", "title", "properties"),
    *("widgets_values", "color", "bgcolor", "shape", "showAdvanced"),
}
_COPIES = {"widgets_values_named"}  # newer frontends write the values of widgets a second time
_STRUCTURE = frozenset(["type", "name"])

_SECRET_WORDS = frozenset(["password", "passwd", "secret", "apikey", "credential", "credentials", "authorization"])
_SECRET_PAIRS = frozenset(
    ["api key", "access key", "private key", "secret key", "access token", "auth token", "hf token", "user name"]
)
_ADDRESS_WORDS = frozenset(["url", "uri", "host", "hostname", "server", "endpoint", "webhook", "address"])
_FAMOUS = re.compile(
    r"https?://(?:[a-z0-9-]+\.)*(?:huggingface\.co|civitai\.com|github\.com|githubusercontent\.com|modelscope\.cn|"
    r"comfy\.org|openmodeldb\.info|wikimedia\.org)(?:/|$)",
    re.IGNORECASE,
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MEDIA = re.compile(
    r"[^\n]{1,400}\.(png|jpe?g|webp|gif|bmp|tiff?|avif|mp4|webm|mov|mkv|avi|mp3|wav|flac|ogg|m4a|opus)"
    r"(?: \[(?:input|output|temp)\])?",
    re.IGNORECASE,
)


class Cleaner:
    """Cleans a canvas in place. ``listed``: the model files as the host lists them, with their sub-folders."""

    def __init__(self, scrubber: Scrubber, object_info: Mapping[str, Any] | None, listed: Collection[str]) -> None:
        self.scrubber, self.object_info, self.listed = scrubber, object_info, listed
        self._ids: dict[str, str] = {}

    def clean(self, canvas: Canvas) -> None:
        for level in canvas.levels[1:]:
            self._ids[str(level.data.get("id"))] = str(uuid.uuid5(uuid.NAMESPACE_OID, str(len(self._ids))))
        for level in canvas.levels:
            self._level(level, _WORKFLOW if level is canvas.root else _SUBGRAPH)
        if isinstance(canvas.data.get("definitions"), dict):
            canvas.data["definitions"] = {"subgraphs": [level.data for level in canvas.levels[1:]]}

    def _level(self, level: Level, known: set[str]) -> None:
        where = f'the subgraph "{level.name}"' if level.name else "the workflow"
        data = level.data
        extra = data.get("extra")
        gone = [name for name in data if name not in known]
        if isinstance(extra, dict):
            gone += [f"extra.{name}" for name in extra if name not in _EXTRA]
            data["extra"] = {name: value for name, value in extra.items() if name in _EXTRA}
        elif "extra" in data:
            data["extra"] = {}
        for name in [name for name in data if name not in known]:
            del data[name]
        if gone:
            self._tell("left out", where, ", ".join(sorted(gone)))
        for node in level.nodes:
            self._node(node, level)
        self._rest(data, where)
        level.links = [link._replace(type=self.value("type", link.type, where)) for link in level.links]

    def _rest(self, data: dict[str, Any], where: str) -> None:
        """All of a level but its nodes and links."""
        for name in [name for name in data if name not in ("nodes", "links", "definitions", "id")]:
            free = name in ("name", "category", "description")
            data[name] = self._free(data[name], where) if free else self.value(name, data[name], where)
        if isinstance(data.get("state"), dict):
            data["state"] = {key: value for key, value in data["state"].items() if isinstance(value, int)}
        if "id" in data:
            data["id"] = self._ids[str(data["id"])]

    def _node(self, node: Node, level: Level) -> None:
        where = f"{node.get('title') or node['type']} ({node['id']})"
        where = f"{level.name} > {where}" if level.name else where
        gone = {name for name in node if name not in _NODE}
        for name in gone:
            del node[name]
        if told := gone - _COPIES:
            self._tell("left out", where, ", ".join(sorted(told)))
        values = node.pop("widgets_values", None)
        kind = node.pop("type")
        for name in [name for name in node if name != "id"]:
            node[name] = self.value(name, node[name], where)
        cleaned = self._values(node, kind, values, where)
        node["type"] = self._ids.get(kind) or self._structure(kind, where)
        if cleaned is not None:
            node["widgets_values"] = cleaned

    def _values(self, node: Node, kind: str, values: Any, where: str) -> Any:
        if not isinstance(values, list):
            return None if values is None else self.value("", values, where)
        if kind in NOTES:
            return [self._free(value, where) for value in values]
        definition = definition_of(kind, self.object_info)
        places = widget_places({**node, "type": kind, "widgets_values": values}, definition)
        names = {position: name for name, position in places.items()}
        prompts = {item.name for item in definition.widgets if item.multiline} if definition else set()
        return [
            self._free(value, where)
            if names.get(position) in prompts
            else self.value(names.get(position, ""), value, where)
            for position, value in enumerate(values)
        ]

    def _free(self, value: Any, where: str) -> Any:
        """A text that a person wrote: it may name files."""
        return self.scrubber.text(value, where) if isinstance(value, str) else self.value("", value, where)

    def value(self, name: str, value: Any, where: str) -> Any:
        """Any value of the JSON; ``name`` is its key or its widget."""
        if name == "models":
            items = (
                [self._reference(item, where) for item in value if isinstance(item, dict)]
                if isinstance(value, list)
                else []
            )
            return [item for item in items if item]
        if isinstance(value, str):
            return self._string(name, value, where)
        if isinstance(value, list):
            return [self.value(name, item, where) for item in value]
        if isinstance(value, dict):
            return dict(self._items(name, value, where))
        return None if isinstance(value, float) and not math.isfinite(value) else value

    def _items(self, name: str, value: dict[str, Any], where: str) -> Iterator[tuple[str, Any]]:
        if name == "widget":  # older frontends keep all choices of a widget here: a list of the person's files
            value = {key: item for key, item in value.items() if key == "name"}
        for key, item in value.items():
            if self.scrubber.text(key, where) == key:
                yield key, self.value(key, item, where)

    def _reference(self, value: dict[str, Any], where: str) -> dict[str, str]:
        """One of ``properties.models``: a file, its folder below models/, and where it can be had."""
        name, folder = value.get("name"), value.get("directory")
        if not (is_model_file(name) and isinstance(folder, str) and re.fullmatch(r"[\w./-]{1,60}", folder)):
            return {}
        found = {"name": self._model(name, where), "directory": self.scrubber.text(folder, where)}
        url, digest = value.get("url"), value.get("hash")
        if isinstance(url, str) and self.scrubber.text(url, where) == url and is_public(url):
            found["url"] = url
        if isinstance(digest, str) and re.fullmatch(r"[0-9a-fA-F]{64}", digest):
            found |= {"hash": digest, "hash_type": "SHA256"}
        return found

    def _string(self, name: str, text: str, where: str) -> str:
        if name in _STRUCTURE:
            return self._structure(text, where)
        if name == "id":
            return self._ids.setdefault(text, str(uuid.uuid5(uuid.NAMESPACE_OID, str(len(self._ids)))))
        if not text.strip() or (name == "ver" and _COMMIT.fullmatch(text)):
            return text
        if is_secret(name):
            return self._emptied(f'the value of "{name}"', where)
        if name not in ("title", "label") and is_file(text):
            return self._file(text.strip(), where)
        if _ADDRESS_WORDS & set(_words(name)) and not (is_public(text) and _FAMOUS.match(text)):
            return self._emptied(f'the value of "{name}",', where, text)
        found = self.scrubber.text(file_name(text) if name == "filename_prefix" else text, where)
        return "" if found == GAP else found

    def _structure(self, text: str, where: str) -> str:
        """What ComfyUI finds things by: an account's name is not looked for in it."""
        return self.scrubber.text(text, where, names=False, ids=False)

    def _file(self, text: str, where: str) -> str:
        if is_model_file(text):
            return self._model(text, where)
        suffix = text.split(" [")[0].rpartition(".")[2].lower()
        kind = (
            suffix
            if suffix in ("mp4", "webm", "mov", "mkv", "avi", "mp3", "wav", "flac", "ogg", "m4a", "opus")
            else "png"
        )
        example = f"{EXAMPLE}.{kind}"
        if text != example:
            self._tell(f"{example} in place of", where, text)
        return example

    def _model(self, text: str, where: str) -> str:
        kept = text
        if text not in self.listed and (kept := file_name(text)) != text:
            self._tell("a model's folder,", where, text)
        return self.scrubber.text(kept, where, ids=False)

    def _emptied(self, what: str, where: str, value: str = "") -> str:
        self._tell(what, where, value)
        return ""

    def _tell(self, what: str, where: str, value: str) -> None:
        self.scrubber.findings.append(Finding(what, where, value))


def is_file(text: str) -> bool:
    """The name of a model, or of a picture, film or sound of the person's."""
    return not is_public(text) and (is_model_file(text) or _MEDIA.fullmatch(text.strip()) is not None)


def is_secret(name: str) -> bool:
    """Does the name of a widget say that its text is for nobody else?"""
    words = _words(name)
    pairs = {" ".join(pair) for pair in pairwise(words)}
    return bool(_SECRET_WORDS & set(words) or _SECRET_PAIRS & pairs or words[-1:] == ["token"] or words == ["username"])


def _words(name: str) -> list[str]:
    """``apiKey`` and ``api-key`` are two words each."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[\W_]+", " ", name).lower().split()


def strings_in(value: Any) -> Iterator[str]:
    """Every text of a JSON value, its keys too. What a node class says of itself has tuples for lists."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one


def node_types_in(workflow: Any) -> set[str]:
    """The node classes of a workflow or a graph, whatever else is in it, and those that take the place of ours."""
    waiting, found = [workflow], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            found |= {kind for name in ("type", "class_type") if isinstance(kind := one.get(name), str)}
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found | set(LORA_LOADERS if found.intersection(LORA_NODES) else ())
