"""ComfyUI's entry: it imports this file when the repository lies in ``custom_nodes/``.

The body is guarded, because pytest imports a root ``__init__.py`` too, where there is neither ComfyUI nor a parent.
"""

import sys
from pathlib import Path

if "folder_paths" in sys.modules:
    # Appended, never inserted: no module of this pack may shadow one of ComfyUI's.
    _root = str(Path(__file__).resolve().parent)
    if _root not in sys.path:
        sys.path.append(_root)
    from .comfy_nodes import WEB_DIRECTORY
    from .comfy_nodes.registration import register

    NODE_CLASS_MAPPINGS = register()
    __all__ = ["NODE_CLASS_MAPPINGS", "WEB_DIRECTORY"]
