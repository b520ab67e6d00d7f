"""What answers of any aggregator mean by their HTTP status. What a vendor says inside a 200 its own module judges."""

from __future__ import annotations

from typing import Any

from careful_http.exchange import Answer, Call, kept
from careful_http.masking import masked_text
from careful_http.outcome import BY_ITSELF, BY_LOOKING, DEFAULT_PAUSE, Trouble, retry_after, subject
from magento_oms.ports import (
    AuthenticationError,
    ConfigurationError,
    NotFound,
    OutsideError,
    PermanentError,
    RateLimited,
    RetryableError,
    UnknownOutcome,
)

LONGEST_WORDS = 300


def says(words: str, *texts: str) -> bool:
    """Whether any of `texts` is in `words`, whatever the case."""
    mine = words.casefold()
    return any(text.casefold() in mine for text in texts)


def words_of(value: Any) -> str:
    """Whatever an aggregator put where its message belongs (a text, a list, an object of lists), as one masked line."""
    return masked_text(" ".join(_flat(value)).strip())[:LONGEST_WORDS]


def problem(
    kind: type[OutsideError], answer: Answer, call: Call, whose: str, words: str, way_out: str = "", **more: Any
) -> OutsideError:
    """An error that says who, about what, and what the aggregator said."""
    ending = "" if words[-1:] in ".!?" and words else "."
    return kind(
        f"{subject(call, whose)}: {words or f'HTTP {answer.status} without a word'}{ending}",
        way_out=way_out,
        status=answer.status,
        exchange=kept(call, answer),
        **more,
    )


def judge_status(answer: Answer, call: Call, whose: str, words: str) -> Trouble | None:
    """None for a 2xx with JSON, or without a body; else what the status means, where the vendor says nothing better.

    Args:
        words: what the answer said, for people.
    """

    def trouble(kind: type[OutsideError], way_out: str = "", *, outage: bool = False, **more: Any) -> Trouble:
        error = problem(kind, answer, call, whose, f"HTTP {answer.status}, {words}" if words else "", way_out, **more)
        return Trouble(error, outage=outage, again=isinstance(error, RetryableError) and not call.changes)

    opened: type[OutsideError] = UnknownOutcome if call.opens_outcome else RetryableError
    settled = BY_LOOKING if call.opens_outcome else BY_ITSELF
    if 200 <= answer.status < 300:
        if answer.body.strip() and answer.is_page:
            return trouble(opened, settled, outage=True)
        return None
    if answer.status == 429:
        pause = retry_after(answer)
        limited = trouble(RateLimited, BY_ITSELF, retry_after=DEFAULT_PAUSE if pause is None else pause)
        return Trouble(limited.error, again=limited.again, pause=DEFAULT_PAUSE if pause is None else pause)
    if answer.status >= 500:
        return trouble(opened, settled, outage=True)
    if 300 <= answer.status < 400:
        return trouble(ConfigurationError, "It redirects, which is not followed: correct the host in the connection.")
    match answer.status:
        case 401 | 402 | 403:
            return trouble(
                AuthenticationError, "Correct the credentials in the connection, or give them the permission."
            )
        case 404 if answer.is_page:
            return trouble(ConfigurationError, "No such API lives there: correct the host in the connection.")
        case 404:
            return trouble(NotFound)
        case 405:
            return trouble(ConfigurationError, "No such API lives there: correct the host in the connection.")
        case 408 | 425:
            return trouble(opened, settled)
        case _:
            return trouble(PermanentError)


def _flat(value: Any) -> list[str]:
    match value:
        case None | "" | False | True:
            return []
        case dict():
            return [part for name, each in value.items() for part in _named(str(name), each)]
        case list() | tuple():
            return [part for each in value for part in _flat(each)]
        case _:
            return [str(value)]


def _named(name: str, value: Any) -> list[str]:
    parts = _flat(value)
    return [f"{name}: {' '.join(parts)}"] if parts else []
