"""What can go wrong, as one tree. The message of each is written to be shown to a person as it is.

OrchestratorError
├── TemplateError              a call that a template cannot answer (a bad weight, an index past the end)
├── WildcardError              a wildcard name or folder that is refused
├── FormatError                a file or a text that is not of the format it should be
├── ProfileError               a profile that is not there, or cannot be saved
├── ConfigError                a setting that cannot be used
├── StoryError                 a story, or a change of one, that cannot be
├── PipelineError              a pipeline that cannot run as written
├── JobError                   a job that is not there, or cannot be what is asked
│   ├── KeyTaken               another job was added under its key
│   └── LostJob                a worker that was given up: its job is another's now
├── GalleryError               an image of the gallery that is not there, or cannot be what is asked
│   └── StaleMarks             somebody else set the same mark to something else meanwhile: ``stale`` has both
├── OutsideError               a gallery elsewhere that is not there, may not be, or refuses what is asked
├── WebhookError               a webhook that may not be, or is not there
│   └── SignatureRefused       a message that its secret did not sign, or not lately
├── HttpError                  a server refused a call: ``status`` and ``body`` are its answer
│   └── NoAnswer               it did not answer, or not in the language that it should speak
├── LanguageModelError         a language model gave no answer that can be used: ``kind`` says why, in a word
│   └── Cancelled              somebody stopped it
├── ScorerError                images cannot be scored: a bad image, or a model that is not there or not of its kind
├── StoreError                 the database cannot be opened, read or written
│   ├── NoDatabase             there is none yet
│   ├── StoreLocked            another program keeps it locked
│   ├── StoreDamaged           it is damaged, or no database: to wait does not help
│   └── SchemaTooNew           it was written by a newer version of this pack
└── GeneratorError             rendering failed; ``images`` holds what was finished before
    ├── GeneratorUnreachable   no answer, or an answer that is not the host's
    ├── RequestRefused         the host refused the request: ``problems`` names node and input
    ├── RenderFailed           the host accepted it and failed in the middle
    │   └── HostRestarted      it ended in the middle, and knows nothing of it any more: it can be sent again
    └── Interrupted            somebody stopped it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator_core.request import GeneratedImage


class OrchestratorError(Exception):
    """Base of all errors that this pack raises on purpose; ``str(error)`` is for a person."""


class TemplateError(OrchestratorError):
    """A call that a template cannot answer."""


class WildcardError(OrchestratorError):
    """A wildcard name or folder that is refused."""


class FormatError(OrchestratorError):
    """A file or a text that is not of the format it should be."""


class ProfileError(OrchestratorError):
    """A profile that is not there, or cannot be saved."""


class ConfigError(OrchestratorError):
    """A setting that cannot be used."""


class StoryError(OrchestratorError):
    """A story, or a change of one, that cannot be."""


class PipelineError(OrchestratorError):
    """A pipeline that cannot run as written."""


class JobError(OrchestratorError):
    """A job that is not there, or cannot be what is asked of it."""


class KeyTaken(JobError):
    """Something else was added under the same key."""


class LostJob(JobError):
    """This worker was given up, and another has its job."""


class GalleryError(OrchestratorError):
    """An image or a folder of the gallery that is not there, or cannot be what is asked of it."""


class StaleMarks(GalleryError):
    """Somebody else set the same mark meanwhile; nothing was changed.

    ``stale``: of each image's id the fields, and of each what it is now and what was asked for. ``revision``: of now.
    """

    def __init__(self, message: str, stale: Mapping[int, Mapping[str, tuple[int, int]]], revision: int) -> None:
        super().__init__(message)
        self.stale = stale
        self.revision = revision


class OutsideError(OrchestratorError):
    """A gallery elsewhere that is not there, may not be, or refuses what is asked of it."""


class WebhookError(OrchestratorError):
    """A webhook that may not be, or is not there."""


class SignatureRefused(WebhookError):
    """A message that was not signed with the secret, or not lately."""


class LanguageModelError(OrchestratorError):
    """A language model gave no answer that can be used.

    ``kind``: "unreachable", "slow", "refused" (by the server), "unreadable", "missing" (no such model), "memory".
    """

    def __init__(self, message: str, kind: str = "unreadable") -> None:
        super().__init__(message)
        self.kind = kind


class Cancelled(LanguageModelError):
    """Somebody stopped it."""

    def __init__(self, message: str = "The language model was stopped.") -> None:
        super().__init__(message, "cancelled")


class LearningError(OrchestratorError):
    """Something about learned odds that cannot be: a moment that is not there, a setting of the wrong kind."""


class ScorerError(OrchestratorError):
    """Images cannot be scored: a bad image, or a model that is not there, not whole or of another kind."""


class HttpError(OrchestratorError):
    """A server refused a call; ``body`` is what it said, ``retry_after`` when it wants to be asked again."""

    def __init__(self, message: str, status: int = 0, body: bytes = b"", retry_after: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.retry_after = retry_after


class NoAnswer(HttpError):
    """No answer, or not in the language that the server should speak."""


class StoreError(OrchestratorError):
    """The database cannot be opened, read or written."""


class NoDatabase(StoreError):
    """There is no database yet, and none was to be made."""


class StoreLocked(StoreError):
    """Another program kept the database locked for as long as was waited."""


class StoreDamaged(StoreError):
    """The database is damaged, or is none."""


class SchemaTooNew(StoreError):
    """The database was written by a newer version of this pack."""


class GeneratorError(OrchestratorError):
    """Rendering failed; ``images`` are those finished before it did."""

    def __init__(self, message: str, images: tuple[GeneratedImage, ...] = ()) -> None:
        super().__init__(message)
        self.images = images


class GeneratorUnreachable(GeneratorError):
    """No answer, or an answer that is not the host's."""


class RequestRefused(GeneratorError):
    """The host refused the request; ``problems`` has one line for each node and input."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class RenderFailed(GeneratorError):
    """The host accepted the request and failed in the middle of it."""


class HostRestarted(RenderFailed):
    """The host was away in the middle of it and knows nothing of it any more."""


class Interrupted(GeneratorError):
    """Somebody stopped the rendering."""
