"""The Forge tab. There is none yet: Forge lists the extension and shows nothing of it."""
