"""The gallery: all images, found by what they say of themselves, and what people say of them. ``service.py`` first."""
