"""Answers as XML, for a caller that accepts nothing else."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape


def render(value: Any) -> str:
    """A result as Magento's XML renderer writes it: `<response>` around it, `<item>` for list members."""
    return f'<?xml version="1.0"?>\n<response>{_inner(value)}</response>'


def _inner(value: Any) -> str:
    match value:
        case dict():
            return "".join(f"<{name}>{_inner(each)}</{name}>" for name, each in value.items())
        case list():
            return "".join(f"<item>{_inner(each)}</item>" for each in value)
        case bool():
            return "true" if value else "false"
        case None:
            return ""
        case _:
            return escape(str(value))
