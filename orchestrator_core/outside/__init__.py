"""Galleries elsewhere: pictures are posted there, or their marks kept in step. ``places`` is where to begin.

A place is a name, an address and a secret, kept in the store (``store/outside.py``); what is sent goes to that address
alone, signed and sent as webhooks are (``webhooks/``). ``iib`` speaks with sd-webui-infinite-image-browsing.
"""
