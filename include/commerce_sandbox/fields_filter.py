"""The `fields=` parameter: trims an answer, with the quirks that a client must live with."""

from __future__ import annotations

import re
from typing import Any

FieldTree = dict[str, Any]
"""Wanted names; the value is 1, or the tree of names wanted inside."""

_TOKEN = re.compile(r"[\w]+|[\[\],]")


def parse_fields(text: str) -> FieldTree | None:
    """The tree of wanted names; None where the text is malformed (any other sign, or a bracket left open)."""
    if not text or re.search(r"[^\w\[\],]", text, re.ASCII):
        return None
    root: FieldTree = {}
    stack = [root]
    last: str | None = None
    for token in _TOKEN.findall(text):
        if token == "[":  # noqa: S105  (punctuation, no secret)
            if last is None:
                return None
            inner: FieldTree = {}
            stack[-1][last] = inner
            stack.append(inner)
            last = None
        elif token == "]":  # noqa: S105
            if len(stack) == 1:
                return None
            stack.pop()
            last = None
        elif token == ",":  # noqa: S105
            last = None
        else:
            stack[-1][token] = 1
            last = token
    return root if len(stack) == 1 else None


def trim(answer: Any, text: str) -> Any:
    """An answer with only the wanted names.

    A malformed `text` gives `[]`; nothing wanted that is there gives `[]`; an empty list becomes null.

    Raises:
        TypeError: a list of plain values cannot be trimmed (Magento answers 500).
    """
    tree = parse_fields(text)
    return [] if tree is None else _apply(answer, tree)


def _apply(value: Any, tree: FieldTree) -> Any:
    if isinstance(value, dict):
        return _intersect(value, tree)
    if not value:
        return None
    return [_intersect(item, tree) for item in value]


def _intersect(document: Any, tree: FieldTree) -> Any:
    if isinstance(document, list):
        return [] if not document else [_intersect(item, tree) for item in document]
    if not isinstance(document, dict):
        raise TypeError("fields= on a list of plain values")
    kept: dict[str, Any] = {}
    for name, value in document.items():
        if name in tree:
            inner = tree[name]
            kept[name] = _apply(value, inner) if isinstance(value, dict | list) and isinstance(inner, dict) else value
    return kept or []
