"""A batch LoRA test in a folder of its own: what is asked for, what is there already, and the grid to look at it."""
