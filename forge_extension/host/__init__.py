"""The only place that names the host's modules: ``modules``, ``modules_forge``, ``backend``, ``networks``.

Each file is one concern. What Forge, Forge Neo and their versions have differently is put right here, so that the rest
of the extension knows one host.
"""
