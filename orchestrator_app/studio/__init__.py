"""The studio: the Gradio pages that the standalone app and the Forge tab share."""
