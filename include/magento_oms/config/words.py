"""Pydantic's findings in plain words, each with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from magento_oms.config.fields import WrongValueError

Place = tuple[str | int, ...]

_WORDS: dict[str, tuple[str, str]] = {
    "missing": ("is missing.", "Add it."),
    "string_type": ("must be text.", "Put what looks like a number, a date or a yes or no into quotes."),
    "string_pattern_mismatch": ("is not written as it must be.", "Correct it."),
    "string_too_short": ("is empty or too short.", "Write at least {min_length} characters."),
    "string_too_long": ("is too long.", "Write {max_length} characters at the most."),
    "int_type": ("must be a whole number.", "Write digits without quotes."),
    "float_type": ("must be a number.", "Write digits without quotes."),
    "decimal_type": ("must be a number.", "Write digits without quotes."),
    "decimal_parsing": ("must be a number.", "Write digits without quotes."),
    "finite_number": ("must be a number.", "Write digits without quotes."),
    "bool_type": ("must be true or false.", "Write true or false, without quotes."),
    "tuple_type": ("must be a list.", "Write `[one, another]`, also where it is only one."),
    "dict_type": ("must be names with values.", "Write one `name: value` a line below it."),
    "mapping_type": ("must be names with values.", "Write one `name: value` a line below it."),
    "model_type": ("must be fields with values.", "Write one `field: value` a line below it."),
    "model_attributes_type": ("must be fields with values.", "Write one `field: value` a line below it."),
    "timezone_aware": ("has no time zone.", "Add it, as in 2026-11-01T00:00:00+05:30."),
    "datetime_parsing": ("is no date with a time.", "Write it in full, as in 2026-11-01T00:00:00+05:30."),
    "datetime_from_date_parsing": ("is no date with a time.", "Write it in full, as in 2026-11-01T00:00:00+05:30."),
    "enum": ("must be {expected}.", "Choose one of these."),
    "literal_error": ("must be {expected}.", "Choose one of these."),
    "greater_than": ("must be more than {gt}.", "Correct the number."),
    "greater_than_equal": ("must be {ge} or more.", "Correct the number."),
    "less_than": ("must be less than {lt}.", "Correct the number."),
    "less_than_equal": ("must be {le} or less.", "Correct the number."),
    "too_short": ("must have an entry at least.", "Add one."),
    "too_long": ("has more than {max_length} entries.", "Leave some out."),
    "url_type": ("is no URL.", "Write it in full."),
    "url_parsing": ("is no URL.", "Write it in full."),
    "url_syntax_violation": ("is no URL.", "Write it in full."),
    "url_scheme": ("must begin with https://.", "Write it in full."),
    "url_too_long": ("is too long.", "Write {max_length} characters at the most."),
}
_WITH_EXAMPLE = {"missing", "string_pattern_mismatch", "url_type", "url_parsing", "url_syntax_violation", "url_scheme"}


def in_words(model: type[BaseModel], place: Place, detail: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong at a place, and the way out.

    Args:
        model: what the file as a whole is.
        detail: one of pydantic's errors.
    """
    context = {
        name: f"{value:g}" if isinstance(value, float) else value for name, value in dict(detail.get("ctx", {})).items()
    }
    kind = str(detail["type"])
    if kind == "extra_forbidden":
        return "is not known.", _nearest(str(place[-1]), _names_at(model, place[:-1]))
    if isinstance(error := context.get("error"), WrongValueError):
        return error.message, error.way_out
    if kind not in _WORDS:
        return str(detail["msg"]).rstrip(".") + ".", "docs/configuration.md says what may stand here."
    message, way_out = (words.format_map(context) for words in _WORDS[kind])
    return message, f"{way_out}{_example(model, place)}" if kind in _WITH_EXAMPLE else way_out


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(sorted(known))}."


def _example(model: type[BaseModel], place: Place) -> str:
    """The field's description and an example, as its model tells them."""
    found = _field_at(model, place)
    if found is None:
        return ""
    told = f" It is: {found.description}." if found.description else ""
    return f"{told} For example: {found.examples[0]}" if found.examples else told


def _field_at(model: type[BaseModel], place: Place) -> FieldInfo | None:
    names = [part for part in place if isinstance(part, str)]
    fields = _fields_at(model, names[:-1])
    return fields.get(names[-1]) if names else None


def _names_at(model: type[BaseModel], place: Place) -> list[str]:
    return list(_fields_at(model, [part for part in place if isinstance(part, str)]))


def _fields_at(model: type[BaseModel], names: list[str]) -> dict[str, FieldInfo]:
    """Fields that may stand below a place."""
    inner: type[BaseModel] | None = model
    for name in names:
        found = inner.model_fields.get(name) if inner is not None else None
        inner = _model_of(found.annotation) if found is not None else None
    return inner.model_fields if inner is not None else {}


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation such as `tuple[StoreConfig, ...]` is about."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if (found := _model_of(inner)) is not None:
            return found
    return None
