"""The API: what any program may ask of Orchestrator, in whichever server it runs. Start at ``wire``."""
