"""Dropping a connection without an answer."""

from __future__ import annotations

import socket
import struct
from typing import Any


def drop_connection(receive: Any) -> None:
    """Drop the connection without an answer, as a dying server does.

    Raises:
        ConnectionResetError: there is no connection of a server's to drop (an in-process client).
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the sandbox dropped the connection on demand")
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
