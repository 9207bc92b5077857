"""The pages of the studio, one module each. Only these, ``build`` and the elements know gradio."""
