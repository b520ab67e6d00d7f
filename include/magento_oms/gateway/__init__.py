"""The public edge: an ASGI process of its own, the only part that the internet reaches.

`doors.py` knows who may post and by which secrets, `limits.py` bounds what is taken, `writer.py` stores before anything
is answered, `webhooks.py` has the routes, `working.py` works on what was stored, `app.py` puts it together.
"""
