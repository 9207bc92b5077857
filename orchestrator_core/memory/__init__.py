"""Stories: what happened in the scenes so far, so that the next prompt knows. All of it can be read and edited.

A story's state (who is there, where, when, in what mood, who wears what, what is known of whom) is nothing but its log
of changes, folded: ``change.py``, ``state.py``, ``story.py``. What a prompt says itself always wins: ``telling.py``.
"""
