"""The hub's HTTP edge: what desks and their systems reach. It has neither keys nor facts, and sees sealed things alone.

app.py            the application, made of the parts below
connection.py     the patience with each connection
routes.py         every operation, each with who may ask for it
access.py         who asks: tokens, and the permission that every operation declares
assertions.py     how a desk proves who it is, with its own key
limits.py         how much, how often, how long
problems.py       every answer that is no answer
documentation.py  the page for people
server.py         the sockets
"""

from broker.api.app import make_app
from broker.api.server import Server

__all__ = ["Server", "make_app"]
