"""Trying again on the command line: until an image shows enough of its prompt, or so many tries."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator_app.enhancing import Enhancing, answers_for, enhancing_of, model_for
from orchestrator_core.errors import ConfigError

if TYPE_CHECKING:
    from orchestrator_app.studio.retrying import Retry
    from orchestrator_core.base_models import BaseModel
    from orchestrator_core.context import StageContext
    from orchestrator_core.run import Run
    from orchestrator_core.vision.port import Scorer
    from orchestrator_core.weights.retrying import Options

FLAGS = "retry_"  # what the names of the arguments begin with, before the option's own
_SCORER = ("scorer", "scorer_backend", "scorer_counts")


@dataclass(frozen=True, slots=True)
class Retrying:
    """What was asked for; ``options`` None: each prompt is rendered once."""

    options: Options | None = None
    scorer: Scorer | None = None
    enhancing: Enhancing = field(default_factory=Enhancing)  # whose language model says things in other words

    def retry(self, context: StageContext, checkpoint: BaseModel) -> Retry | None:
        """``checkpoint``: of the model that renders, which wants to be spoken to in its own way."""
        if self.options is None or self.scorer is None:
            return None
        from dataclasses import replace

        from orchestrator_app.learning import open_ledger
        from orchestrator_app.studio.retrying import Retry
        from orchestrator_core.enhancing.rewording import Rewording
        from orchestrator_core.stages import score_images

        model = context.llm or model_for(self.enhancing)
        answers = context.answers or answers_for(model)
        scoring = replace(context, scorer=self.scorer, learner=open_ledger())

        def rate(run: Run) -> Run:
            """A pipeline may have scored them by itself."""
            return run if run.scores else score_images.stage(run, scoring, score_images.Options())

        return Retry(self.options, rate, Rewording(model, checkpoint, answers))


def retrying_of(arguments: Namespace) -> Retrying:
    """Raises ConfigError for what does not go together, and for a scorer that is not there."""
    given = {
        name.removeprefix(FLAGS): value
        for name, value in vars(arguments).items()
        if name.startswith(FLAGS) and value is not None
    }
    scorer = {name: getattr(arguments, name) for name in _SCORER if getattr(arguments, name)}
    if "until" not in given:
        if more := [*given, *scorer]:
            raise ConfigError(f"--{more[0].replace('_', '-')} is for trying again: add --until 0.8.")
        return Retrying()
    if "scorer" not in scorer:
        raise ConfigError("--until needs a model that looks at the images: name its folder with --scorer FOLDER.")
    from orchestrator_core.weights.retrying import Options

    return Retrying(_checked(Options, given), _scorer(scorer), enhancing_of(arguments))


def _checked(options: type[Options], given: dict[str, Any]) -> Options:
    from pydantic import ValidationError

    from orchestrator_core.spec import problems_of

    try:
        return options.model_validate(given)
    except ValidationError as error:
        raise ConfigError(f"Trying again: {problems_of(error)}") from None


def _scorer(given: dict[str, Any]) -> Scorer:
    from orchestrator_app.scorers import open_here

    backend = given.get("scorer_backend", "auto")
    return open_here(backend, model=given["scorer"], measures_counts="scorer_counts" in given)
