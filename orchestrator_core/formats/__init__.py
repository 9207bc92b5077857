"""What people and programs exchange: infotext, ComfyUI graphs and workflows, prompt files, image metadata.

Every format is a pair of pure functions, reader and writer; what cannot be read raises ``FormatError``.
"""
