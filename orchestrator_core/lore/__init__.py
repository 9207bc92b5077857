"""Lore: what is known of a world, told when a text speaks of it.

``book`` is what a lorebook of any format is read into (``orchestrator_core.formats.cards`` reads and writes them),
``activation`` decides which of its entries a story's texts call for.
"""
