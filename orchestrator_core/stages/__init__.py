"""One file for each stage: its Options, a pure function that nodes and tests call, and the ``stage`` for pipelines."""
