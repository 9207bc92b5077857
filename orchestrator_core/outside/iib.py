"""infinite-image-browsing's tags, over its HTTP API (scripts/iib/api.py of sd-webui-infinite-image-browsing).

It names pictures by their paths on the machine that both run on. Of its two ways to tag, the one that is asked for is
``batch_update_image_tag``, which sets: ``toggle_custom_tag_to_img`` takes away what is there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from orchestrator_core.errors import HttpError, NoAnswer, OutsideError
from orchestrator_core.http_client import HttpClient

BASE = "/infinite_image_browsing"
SILENCE_S, INDEXING_S = 30.0, 900.0  # it looks at all of its folders before it answers
MOST_ANSWER = 64 << 20  # bytes
_SALT = "_ciallo"  # that it puts behind its secret key
_UNREADABLE = "infinite-image-browsing cannot tag it: the file is not there, or none that it knows."
_LONGEST_TOLD = 300  # characters of what it says
_T = TypeVar("_T")


class NotTagged(OutsideError):
    """``is_all``: none of the pictures that were named was tagged, whichever it is that cannot be."""

    def __init__(self, message: str, *, is_all: bool) -> None:
        super().__init__(message)
        self.is_all = is_all


class Iib:
    """``url`` with its base path; one without a path gets the usual one. Raises ConfigError for what is no address.

    Its methods raise OutsideError: it is not there, refuses, or says what it should not.
    """

    def __init__(self, url: str, secret: str = "") -> None:
        cookie = hashlib.sha256(f"{secret}{_SALT}".encode()).hexdigest()
        headers = {"Cookie": f"IIB_S={cookie}"} if secret else {}
        self._client = HttpClient(url, SILENCE_S, headers=headers, most=MOST_ANSWER)
        self._patient = HttpClient(url, INDEXING_S, INDEXING_S, headers=headers, most=MOST_ANSWER)
        if self._client.url.count("/") == 2:  # those of ://
            self._client.url += BASE
            self._patient.url += BASE
        self.url = self._client.url

    def open(self) -> None:
        """Whether it is there, and can be written to; one that has no pictures yet looks at its folders now."""
        told = _asked(self._client.get_json, "/global_setting")
        if not isinstance(told, dict) or not isinstance(told.get("all_custom_tags"), list):
            raise OutsideError(f"{self.url} is not infinite-image-browsing, or one that is very old.")
        if told.get("is_readonly"):
            raise OutsideError(f"{self.url} may only be read: see IIB_ACCESS_CONTROL_PERMISSION there.")
        about = _asked(self._client.get_json, "/db/basic_info")
        if isinstance(about, dict) and about.get("img_count") == 0:
            _asked(self._patient.post_json, "/db/update_image_data", {})

    def tag(self, name: str) -> int:
        """The number of the tag of this name, which is made where it is not there."""
        told = _asked(self._client.post_json, "/db/add_custom_tag", {"tag_name": name})
        number = told.get("id") if isinstance(told, dict) else None
        if type(number) is not int:
            raise OutsideError(f"{self.url} made no tag {name!r}.")
        return number

    def tags_of(self, paths: Sequence[str]) -> dict[str, set[str]]:
        """Of each path that has any the names of its tags."""
        told = _asked(self._client.post_json, "/db/get_image_tags", {"paths": list(paths)})
        if not isinstance(told, dict):
            raise OutsideError(f"{self.url} says no tags.")
        return {str(path): {str(name) for name in map(_name, _listed(tags)) if name} for path, tags in told.items()}

    def put(self, paths: Sequence[str], tag: int, *, is_there: bool = True) -> None:
        """Give these the tag, or take it away. Raises NotTagged where one cannot have it: then none may have it."""
        action = "add" if is_there else "remove"
        body = {"img_paths": list(paths), "action": action, "tag_id": tag}
        _asked(self._client.post_json, "/db/batch_update_image_tag", body, refused=_not_tagged)


def _asked(
    call: Callable[..., _T], *arguments: Any, refused: Callable[[HttpError], OutsideError | None] | None = None
) -> _T:
    try:
        return call(*arguments)
    except NoAnswer as error:
        raise OutsideError(str(error)) from None
    except HttpError as error:
        raise (refused and refused(error)) or OutsideError(_reason(error)) from None


def _not_tagged(error: HttpError) -> NotTagged | None:
    """400: the folder is not scanned; 500: one of the files is not there, or is none that it knows."""
    if error.status == 400 and isinstance(_detail(error.body), str):
        return NotTagged(_reason(error), is_all=True)
    return NotTagged(_UNREADABLE, is_all=False) if error.status == 500 else None


def _reason(error: HttpError) -> str:
    detail = _detail(error.body)
    kind = detail.get("type") if isinstance(detail, dict) else ""
    if error.status == 401:
        return "The secret key is wrong, or lacks. Give that of infinite-image-browsing: --secret, or IIB_SECRET_KEY."
    if kind == "secret_key_required":
        return "infinite-image-browsing has to be started with a secret key, as it is reached from elsewhere."
    if error.status == 404:
        return f"{error} Is that the address of infinite-image-browsing, with {BASE} behind?"
    told = detail if isinstance(detail, str) else ""
    return f"infinite-image-browsing: {told[:_LONGEST_TOLD]}" if told else str(error)


def _detail(body: bytes) -> Any:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return told.get("detail", "") if isinstance(told, Mapping) else ""


def _listed(tags: Any) -> list[Any]:
    return tags if isinstance(tags, list) else []


def _name(tag: Any) -> Any:
    return tag.get("name") if isinstance(tag, dict) else None
