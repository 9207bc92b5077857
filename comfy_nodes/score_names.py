"""The ids of the nodes that score and learn."""

from __future__ import annotations

CLIP_SCORER = "OrchestratorCLIPScorer"
SCORER_MODEL = "OrchestratorScorerModel"
FEEDBACK_RECORDER = "OrchestratorFeedbackRecorder"
RETRY_UNTIL = "OrchestratorRetryUntil"
