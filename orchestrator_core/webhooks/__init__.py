"""Webhooks: a server elsewhere is told when a job has ended. ``hooks`` is where to begin.

What is told is written with the job's end, in one transaction (``store/webhooks.py``), and sent by whichever worker
lives (``delivering``), to addresses alone that a person has allowed (``address``), signed (``signing``).
"""
