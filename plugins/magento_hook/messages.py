"""Magento's own words in an answer: parameters filled in, however the answer is shaped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from careful_http.exchange import Answer
from careful_http.masking import masked_text

_NUMBERED = re.compile(r"%(\d+)")
_NAMED = re.compile(r"%([A-Za-z_]\w*)")
_TITLE = re.compile(rb"<title>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Message:
    """What an answer said.

    Attributes:
        text: on one line, filled in, masked; of an HTML page its title.
        parameters: as they came: an object, a list or nothing.
    """

    text: str
    parameters: Any = None

    def parameter(self, name: str) -> Any:
        """A named parameter, or None."""
        return self.parameters.get(name) if isinstance(self.parameters, Mapping) else None

    def says(self, *texts: str) -> bool:
        """Whether any of `texts` is in it, whatever the case."""
        mine = self.text.casefold()
        return any(text.casefold() in mine for text in texts)


def read_message(answer: Answer) -> Message:
    """The message of an answer, from `message`, `errors[]`, `messages.error[]` or a page's title."""
    if not answer.is_page:
        try:
            body = answer.json
        except ValueError:
            body = None
        if isinstance(body, Mapping):
            return _of_object(body)
        if isinstance(body, str):
            return Message(_line(body))
    title = _TITLE.search(answer.body[:20_000])
    text = title[1] if title else re.sub(rb"<[^>]*>", b" ", answer.body[:1_000])
    return Message(_line(text.decode(errors="replace")))


def fill_in(message: str, parameters: Any) -> str:
    """`message` with `%1`, `%2` … from a list or `%name` from an object. What is not given stays as it is."""
    if isinstance(parameters, Mapping):
        by_name = {str(name): _shown(value) for name, value in parameters.items()}
        message = _NAMED.sub(lambda found: by_name.get(found[1], found[0]), message)
        return _NUMBERED.sub(lambda found: by_name.get(found[1], found[0]), message)
    if isinstance(parameters, list):
        listed = [_shown(value) for value in parameters]
        return _NUMBERED.sub(
            lambda found: listed[int(found[1]) - 1] if 0 < int(found[1]) <= len(listed) else found[0], message
        )
    return message


def _of_object(body: Mapping[str, Any]) -> Message:
    texts = [_filled(body)] if "message" in body else []
    details = body.get("errors")
    fatal = body.get("messages")
    for each in details if isinstance(details, list) else []:
        texts.append(_filled(each))
    for each in (fatal.get("error") or []) if isinstance(fatal, Mapping) else []:
        texts.append(_filled(each))
    told: list[str] = []
    for text in texts:
        if text and not any(text in other for other in told):
            told.append(text)
    return Message(_line(" ".join(told)), body.get("parameters"))


def _filled(error: Any) -> str:
    if not isinstance(error, Mapping):
        return str(error)
    return fill_in(str(error.get("message") or ""), error.get("parameters"))


def _shown(value: Any) -> str:
    return ", ".join(_shown(each) for each in value) if isinstance(value, list) else str(value)


def _line(text: str) -> str:
    return masked_text(" ".join(text.split()))
