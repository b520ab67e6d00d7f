"""Reading a JSON body the way Magento's service input processor does.

Unknown keys at the top are dropped without a word (there is no such parameter); unknown keys further down are refused;
numbers may come as text and text as numbers; a list that is no list is a PHP type error, so a 500 in plain text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from commerce_sandbox.magento_rules.book import Document, Refused, wrongly_typed

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*\Z")

Fields = Mapping[str, str]
"""Field name (snake case) -> type: int, float, string, bool, mixed, extension (any object)."""


def required(name: str) -> Refused:
    """The 400 for a missing parameter or field."""
    return Refused(400, '"%fieldName" is required. Enter and try again.', {"fieldName": name})


def top(body: Any) -> Document:
    """The parameters of a call; no body, `[]`, `""` and other non-objects are read as no parameters at all."""
    return dict(body) if isinstance(body, dict) else {}


def parameter(body: Any, name: str) -> Any:
    """A parameter that the service cannot do without; Magento takes both `stockItem` and `stock_item`."""
    given = top(body)
    for spelling in (name, _snake(name)):
        if spelling in given and given[spelling] is not None:
            return given[spelling]
    raise required(name)


def optional(body: Any, name: str, kind: str, default: Any = None) -> Any:
    """A scalar parameter that may be left out."""
    given = top(body)
    value = given.get(name, given.get(_snake(name)))
    return default if value is None else scalar(value, kind, name)


def entity(value: Any, fields: Fields) -> Document:
    """An object of a data interface, its fields converted to their types; None is read as an empty object.

    Raises:
        Refused: a field that the interface does not have, a value of the wrong type, or no object at all.
    """
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise wrongly_typed()
    unknown = [key for key in value if _snake(key) not in fields]
    if unknown:
        raise _unsupported(unknown)
    return {
        _snake(key): value[key] if item is None else scalar(item, fields[_snake(key)], key)
        for key, item in value.items()
    }


def entities(value: Any, fields: Fields) -> list[Document]:
    """A list of such objects; None is read as an empty list.

    Raises:
        Refused: see `entity`; a 500 if it is not a list.
    """
    if value is None:
        return []
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        raise wrongly_typed()
    return [entity(item, fields) for item in value]


def scalar(value: Any, kind: str, name: str) -> Any:
    """One value as its declared type.

    Raises:
        Refused: 400 if the text cannot be read as that type.
    """
    if kind in {"mixed", "extension"}:
        return value
    if isinstance(value, dict | list):
        raise _bad_type(value, kind, name)
    if kind == "string":
        return _text(value)
    if kind == "bool":
        return _truth(value, name)
    number = _number(value)
    if number is None or (kind == "int" and number != number.to_integral_value()):
        raise _bad_type(value, kind, name)
    if kind == "int":
        return int(number)
    return int(number) if number == number.to_integral_value() else float(number)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return Decimal(int(value))
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value))
    if isinstance(value, str) and _NUMBER.match(value.lstrip()):
        try:
            return Decimal(value.strip())
        except InvalidOperation:
            return None
    return None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _truth(value: Any, name: str) -> bool:
    if isinstance(value, str):
        if value.lower() in {"true", "1"}:
            return True
        if value.lower() in {"false", "0", ""}:
            return False
        raise _bad_type(value, "bool", name)
    return bool(value)


def _bad_type(value: Any, kind: str, name: str) -> Refused:
    shown = "Array" if isinstance(value, dict | list) else _text(value)
    return Refused(
        400,
        f'Error occurred during "{_camel(name)}" processing. The "{shown}" value\'s type is invalid. '
        f'The "{kind}" type was expected. Verify and try again.',
    )


def _unsupported(names: list[str]) -> Refused:
    text = '"%fieldName" is not supported. Correct the field name and try again.'
    found = [{"fieldName": _studly(name)} for name in names]
    if len(found) == 1:
        return Refused(400, text, found[0])
    return Refused(
        400,
        "One or more input exceptions have occurred.",
        errors=[{"message": text, "parameters": parameters} for parameters in found],
    )


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _studly(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _camel(name: str) -> str:
    studly = _studly(name)
    return studly[:1].lower() + studly[1:]
