"""FiraGO, which has ₹ and Devanagari, from the package pymupdf-fonts; and what it has no letters for."""

from __future__ import annotations

import threading
import unicodedata
from functools import cache
from io import BytesIO
from typing import Any

import pymupdf_fonts
from anyascii import anyascii
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR = "FiraGO"
BOLD = "FiraGO-Bold"
RENDERING = threading.RLock()
"""Held while a document is rendered."""

_SOURCES = {REGULAR: "figo", BOLD: "figbo"}
_KEEP = frozenset({"\u200c", "\u200d"})
"""Zero-width joiners: they tell how Devanagari is shaped."""

_FROM_THE_RIGHT = frozenset({"R", "AL"})
"""Urdu's letters: lines run from the left here, so that they are written in Latin ones."""


@cache
def register() -> frozenset[int]:
    """Make the fonts known to reportlab, once a process; the characters that they have."""
    for name, source in _SOURCES.items():
        pdfmetrics.registerFont(TTFont(name, BytesIO(pymupdf_fonts.fontbuffers[source]()), shapable=True))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)
    font: Any = pdfmetrics.getFont(REGULAR)
    return frozenset(font.face.charToGlyph)


def printable(words: str) -> str:
    """The text as it is printed: composed, on one line, and letters that the font lacks written in Latin ones."""
    known = register()
    made = []
    for letter in unicodedata.normalize("NFC", words):
        if letter.isspace():
            made.append(" ")
        elif letter in _KEEP or (
            ord(letter) in known
            and unicodedata.category(letter)[0] != "C"
            and unicodedata.bidirectional(letter) not in _FROM_THE_RIGHT
        ):
            made.append(letter)
        elif unicodedata.category(letter)[0] != "C":
            made.append(anyascii(letter))
    return " ".join("".join(made).split())


def needs_shaping(words: str) -> bool:
    """Whether the letters of a text depend on their neighbours."""
    return any(ord(letter) > 0x02FF and letter != "₹" for letter in words)
