"""What each tool of the MCP server is asked with: the API's own models, with what stands in its paths beside them."""

from __future__ import annotations

from pydantic import Field

from orchestrator_core.api.drawing import DrawAsked
from orchestrator_core.api.image_models import ImagesWanted, MarksAsked
from orchestrator_core.api.job_models import JobsWanted
from orchestrator_core.api.models import Asked

LONGEST_WAIT_S = 300.0
MOST_PICTURES = 8
NAME = r"^[^/]+$"  # what stands in a path is one step of it: another route answers with what is no JSON


class DrawPrompts(DrawAsked):
    with_origins: bool = Field(False, description="With the origin of every word: long.")


class ListJobs(JobsWanted):
    limit: int = Field(20, ge=1, le=100)


class NamedJob(Asked):
    job: str = Field(max_length=200, pattern=NAME, description="Its number or id.")


class GetJob(NamedJob):
    thumbnails: int = Field(0, ge=0, le=MOST_PICTURES, description="Of its images, how many of the first to show.")


class WaitForJob(GetJob):
    seconds: float = Field(
        60.0, ge=0, le=LONGEST_WAIT_S, description="The longest to wait; ask again to go on waiting."
    )


class SearchImages(ImagesWanted):
    limit: int = Field(10, ge=1, le=50)
    thumbnails: int = Field(0, ge=0, le=MOST_PICTURES, description="How many of the first to show.")


class NamedImage(Asked):
    image: str = Field(max_length=300, pattern=NAME, description="Its id, as jobs and searches show it.")


class ViewImage(NamedImage):
    thumbnail: bool = Field(True, description="With a small picture of it.")


class MarkImage(MarksAsked):
    image: str = Field(max_length=300, pattern=NAME, description="Its id, as jobs and searches show it.")
