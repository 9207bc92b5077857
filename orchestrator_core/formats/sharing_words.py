"""What in a text tells of a person's machine: paths, accounts, keys, addresses. Taken out, and told.

What is taken out of the middle of a text leaves ``…`` there, so that a person sees where something was; a second search
finds nothing more. Public addresses of the web stay.
"""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

GAP = "…"
MAX_TEXT = 100_000  # characters: what is longer is no prompt, but a file in letters
_MOST_SHOWN = 60  # characters of what was taken out, in the list for the person

# Names of accounts and machines that name nobody, and are words of prompts besides.
NOBODY = frozenset(
    [
        *(
            "root",
            "user",
            "users",
            "admin",
            "administrator",
            "ubuntu",
            "debian",
            "runner",
            "guest",
            "default",
            "public",
        ),
        *("shared", "owner", "home", "jovyan", "nobody", "worker", "docker", "test", "app", "workspace", "www-data"),
        *("ec2-user", "localhost", "local", "host", "comfy", "comfyui", "forge", "webui"),
    ]
)
_ROOTS = "root|mnt|media|volumes|opt|srv|data|tmp|var|usr|private|run|etc|work|workspace|content|kaggle|app"
_SLASH = r"[/\\]"
_STEP = r"[^/\\\n\r\"'<>|*?,;(){}\[\]…]"  # a character of a folder's name, which may have spaces
_NAME = r"[^/\\\s\"'<>|*?,;(){}\[\]…]"  # one of a name that ends at a space
# The last name of a path has spaces only if it ends as a file does.
_LAST = rf"(?:{_STEP}*?\.[A-Za-z][A-Za-z0-9]{{1,11}}(?![A-Za-z0-9])|{_NAME}*)"
_REST = rf"(?:{_STEP}+{_SLASH}+)*{_LAST}"
_START = r"(?<![A-Za-z0-9_./\\-])"
_HEX = "[0-9a-fA-F]"


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


_PATHS = _any(
    rf"(?i:file):{_SLASH}{_NAME}*(?:{_SLASH}{_NAME}*)*",
    rf"(?<![A-Za-z0-9])[A-Za-z]:{_SLASH}+{_REST}",  # C:\Users\…
    rf"{_SLASH}(?i:home|users){_SLASH}+(?:{_STEP}+{_SLASH}+)+{_LAST}",  # /home/…/…, also behind other letters
    rf"{_START}{_SLASH}(?i:home|users|{_ROOTS}){_SLASH}+{_REST}",
    rf"{_START}\\\\{_NAME}+(?:{_SLASH}+{_STEP}+)*{_SLASH}+{_LAST}",  # \\server\share
    rf"{_START}~{_NAME}*{_SLASH}+(?:{_NAME}+{_SLASH}+)*{_LAST}",  # ~/models
    rf"{_START}/{_NAME}+/+(?:{_NAME}+/+)*{_NAME}+",  # any other, of two names at least
    rf"(?i:%2f(?:home|users|{_ROOTS})%2f|[A-Za-z]%3a%5c)[^\s\"'<>…]*",  # as an address carries it
)
_ACCOUNTS = re.compile(
    rf"(?:{_SLASH}(?i:home|users){_SLASH}+|(?i:%2f(?:home|users)%2f|%5cusers%5c))([^/\\%\n\r\"'<>|*?,;]+)"
)
_KEYS = _any(
    r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{6,}",
    r"\bhf_(?:(?=[A-Za-z]*[0-9])[A-Za-z0-9]{6,}|[A-Za-z0-9]{16,})",
    r"\b(?:gh[opsur]|glpat|r8|gsk|nvapi|xai|pplx|npm|figd|dop_v1|github_pat)[_-][A-Za-z0-9_-]{16,}",
    r"\bAKIA[0-9A-Z]{12,}|\bAIza[A-Za-z0-9_-]{16,}|\bxox[abeprs]-[A-Za-z0-9-]{8,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.?[A-Za-z0-9_-]*",
    r"-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|\Z)",
    r"(?i:\b(?:bearer|basic))\s+(?=[A-Za-z._~+/-]*[0-9])[A-Za-z0-9._~+/-]{8,}=*",
    # "api key: …"; a bare number in brackets behind it is a prompt's emphasis
    r"(?i:api[ _-]?key|passw(?:or)?d|passphrase|(?:client|api)[ _-]secret|secret[ _-]key|"
    r"(?:access|auth|api|hf|bot|refresh|session)[ _-]?token)[\"']?\s*(?:[=:]|\bis\b)\s*[\"']?"
    r"(?![0-9.]{1,5}\))[^\s\"'…,;|{}]+",
    r"(?i:\b(?:token|secret|key)=)[\"']?[^\s\"'…,;|{}]{6,}",
)
_LONG = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{32,}={0,2}(?![A-Za-z0-9+/_-])")
_CHANGES = re.compile(r"(?<=[A-Za-z])[0-9]|(?<=[0-9])[A-Za-z]")
_UUID = re.compile(rf"(?<![0-9A-Za-z]){_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}(?![0-9A-Za-z])")
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_DATA = re.compile(r"(?i:data):[a-zA-Z0-9.+-]+/[a-zA-Z0-9.+-]+[^,\s]{0,200},[^\s\"'<>]*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s\"'<>|{}…]+")
_PORT = "(?::[0-9]{1,5})?"
_PRIVATE_ENDS = "local|lan|internal|intranet|localdomain|home\\.arpa"
_TUNNELS = (
    r"trycloudflare\.com|ngrok(?:-free)?\.(?:io|app|dev)|runpod\.net|ts\.net|gradio\.live|loca\.lt|duckdns\.org|"
    r"no-ip\.org|ddns\.net"
)
_LABEL = "[A-Za-z0-9-]{1,63}"
_HOSTS = _any(
    rf"(?<![0-9.])(?:[0-9]{{1,3}}\.){{3}}[0-9]{{1,3}}(?![0-9]){_PORT}",
    rf"(?<![0-9A-Za-z:])(?:{_HEX}{{2}}[:-]){{5}}{_HEX}{{2}}(?![0-9A-Za-z:-])",
    rf"\[?(?<![0-9A-Za-z:])(?:{_HEX}{{1,4}}:){{5,7}}{_HEX}{{1,4}}(?![0-9A-Za-z:])\]?{_PORT}",
    # The short form, which begins with four digits: {2::fox|3::bee} is a template.
    rf"\[?(?<![0-9A-Za-z:])(?i:f[cde]|2[0-9a-f]|3[0-9a-f])(?:{_HEX}{{2}})(?::{_HEX}{{1,4}}){{0,5}}:"
    rf"(?::{_HEX}{{1,4}}){{1,6}}(?![0-9A-Za-z])\]?{_PORT}",
    rf"\[::1?\]{_PORT}",
    rf"(?i:\blocalhost\b){_PORT}",
    # Names of hosts have an end, so that a search does not begin anew at each letter of a long text.
    rf"\b{_LABEL}(?:\.{_LABEL}){{0,8}}\.(?i:{_PRIVATE_ENDS})\b{_PORT}",
    rf"\b{_LABEL}(?:\.{_LABEL}){{0,8}}\.(?i:{_TUNNELS})\b{_PORT}",
    rf"\b{_LABEL}(?:\.{_LABEL}){{1,8}}:[0-9]{{4,5}}\b",
    rf"\b{_LABEL}:(?:8188|8189|7860|7861|8000|8080|8443|5000|5001|3000|11434|1234)\b",
)
_QUERY_SECRET = re.compile(r"(?i)[?&#][^=&#]*(?:token|key|secret|sig|auth|password|session|user)[^=&#]*=")
_PUBLIC = re.compile(r"(?i:https?)://((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})((?:[/?#].*)?)")


class Finding(NamedTuple):
    """What was taken out, for the person who shares: ``where`` is a node or a part of the workflow."""

    what: str
    where: str
    value: str = ""

    def __str__(self) -> str:
        shown = " ".join(self.value.split())
        shown = shown if len(shown) <= _MOST_SHOWN else shown[: _MOST_SHOWN - 1] + GAP
        return f"{self.where}: {self.what} {shown}".rstrip()


_Tell = Callable[[str, str], None]  # what, and the text that was taken out


class Scrubber:
    """Takes out what is private. ``names`` are those of the person's account, home folder and machine."""

    def __init__(self, names: Iterable[str]) -> None:
        found = sorted({name.strip() for name in names if _is_a_name(name.strip())}, key=len, reverse=True)
        self._names = re.compile("|".join(map(_word, found))) if found else None
        self.findings: list[Finding] = []

    def text(self, text: str, where: str, *, names: bool = True, ids: bool = True) -> str:
        """The text without what is private.

        Without ``names`` a word that is also an account's name stays, without ``ids`` what looks like a key or an id
        by its length alone: for what ComfyUI itself wrote, and for files' names.
        """
        if len(text) > MAX_TEXT:
            self.findings.append(Finding(f"a text of {len(text):,} characters", where))
            return ""
        text = text.encode("utf-8", "replace").decode()  # half a surrogate is no text that a file can hold

        def tell(what: str, value: str) -> None:
            self.findings.append(Finding(what, where, f"{value[:4]}{GAP}" if what == "a key" else value))

        while (found := self._once(text, tell, names=names, ids=ids)) != text:
            text = found  # what is left may stand together anew
        return text

    def _once(self, text: str, tell: _Tell, *, names: bool, ids: bool) -> str:
        text = _replaced(_DATA, text, "a file", tell)
        text = "".join(self._url(part, tell) if is_url else _plain(part, tell, ids) for part, is_url in _split(text))
        if names and self._names:
            text = _replaced(self._names, text, "a name of the account or the machine,", tell)
        return text

    def _url(self, url: str, tell: _Tell) -> str:
        if is_public(url) and not (self._names and self._names.search(url)):
            return url
        tell("a server's address,", url)
        return GAP


_KINDS = (
    (_KEYS, "a key"),
    (_MAIL, "a mail address,"),
    (_PATHS, "a path,"),
    (_HOSTS, "a server's address,"),
)


def _plain(text: str, tell: _Tell, ids: bool) -> str:
    for pattern, what in _KINDS:
        text = _replaced(pattern, text, what, tell)
    if ids:
        text = _replaced(_UUID, text, "an id,", tell)
        text = _LONG.sub(lambda match: _long(match[0], tell), text)
    return text


def _long(text: str, tell: _Tell) -> str:
    """A run of letters and digits in which they change too often for words: a key, or a file in letters."""
    is_hash = re.fullmatch(r"[0-9a-f]*[0-9][0-9a-f]*|[0-9A-F]*[0-9][0-9A-F]*", text)
    if not is_hash and len(_CHANGES.findall(text)) < max(6, len(text) // 8):
        return text
    tell("a key", text)
    return GAP


def _replaced(pattern: re.Pattern[str], text: str, what: str, tell: _Tell) -> str:
    def taken(match: re.Match[str]) -> str:
        if match[0]:
            tell(what, match[0])
        return GAP if match[0] else ""

    return pattern.sub(taken, text)


def _split(text: str) -> Iterator[tuple[str, bool]]:
    """The text's addresses of the web, and what is between them."""
    end = 0
    for match in _URL.finditer(text):
        yield text[end : match.start()], False
        url = match[0].rstrip(".,;:!?)]}`*")
        yield url, True
        end = match.start() + len(url)
    yield text[end:], False


def is_public(url: str) -> bool:
    """An address of the web that anyone may know: a host of the public, no port, no account, no key."""
    match = _PUBLIC.fullmatch(url)
    if match is None or any(pattern.search(match[1]) for pattern in (_HOSTS, _KEYS)):
        return False
    private = (_QUERY_SECRET, _KEYS, _MAIL, _ACCOUNTS)
    return not any(pattern.search(match[2]) for pattern in private)


def _is_a_name(name: str) -> bool:
    return len(name) >= 3 and name.casefold() not in NOBODY and not name.isdecimal()


def _word(name: str) -> str:
    return rf"(?i:(?<![^\W_]){re.escape(name)}(?![^\W_]))"


def names_in(texts: Iterable[str]) -> set[str]:
    """The accounts that paths in these texts name: ``/home/jane/…`` names jane, who may be in a title too."""
    found: set[str] = set()
    for match in (match for text in texts for match in _ACCOUNTS.finditer(text)):
        name = match[1].strip(" .:")
        found |= {name, name.split(" ")[0]} if len(name) <= 40 else {name.split(" ")[0]}
    return found


def names_of_this_machine() -> tuple[str, ...]:
    """The account, its home folder and the machine, as they may stand in a text."""
    names: list[str] = []
    with suppress(OSError, KeyError, ImportError):
        names.append(getpass.getuser())
    with suppress(RuntimeError):
        names.append(Path.home().name)
    with suppress(OSError):
        host = socket.gethostname()
        names += [host, host.partition(".")[0]]
    return tuple(dict.fromkeys(name for name in names if name))


def file_name(path: str) -> str:
    """The last name of a path of any system."""
    return PureWindowsPath(path).name
