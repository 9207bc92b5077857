"""The demonstration: a template learns from images of the tiny world's own models, and a page shows what it learned."""
