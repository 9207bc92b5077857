"""Makes a prompt richer, and never loses a word of the person's: the stage llmEnhance's parts."""
