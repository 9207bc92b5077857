"""The durable queue: a pipeline run is a job, a stage is a step. Start at ``opening.open_jobs()``."""
