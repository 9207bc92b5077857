"""The host-free core: from a prompt template to images, with every word's origin kept.

Nothing here imports a host, a user interface or a heavy library; read it from ``pipeline.py`` down to ``prompt.py``.
"""

__version__ = "0.1.0"
