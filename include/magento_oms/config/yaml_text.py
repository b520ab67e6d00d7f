"""YAML text → values, with the line of each: whatever is malformed or doubtful in it is said with its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import ConstructorError

Place = tuple[str | int, ...]

MOST_PLACES = 50_000
"""More than any configuration has; aliases of aliases can stand for billions."""


MOST_BRACKETS, LONGEST_LINE, MOST_CHARACTERS = 5_000, 10_000, 1_000_000
"""The C parser crashes the process on tens of thousands of levels: text that could have them is not given to it."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something in the text that YAML lets pass, and that can hardly be meant. `line` counts from 1."""

    line: int
    place: Place
    message: str
    way_out: str


class MalformedYamlError(Exception):
    """The text cannot be read. `line` counts from 1; 0: the text as a whole."""

    def __init__(self, line: int, message: str, way_out: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.way_out = way_out


@dataclass(frozen=True, slots=True)
class YamlText:
    """What a text says: its values, the line of every place in it, and what is doubtful."""

    values: dict[str, Any]
    lines: dict[Place, int] = field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C parser is ten times as quick
    """Keys are text as written (`no`, `1`), and what looks like a time or a number but is none stays text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}

    def construct_scalar_or_text(self, node: yaml.ScalarNode) -> Any:
        try:
            return yaml.SafeLoader.yaml_constructors[node.tag](self, node)
        except (ValueError, KeyError, TypeError, OverflowError):
            return node.value

    def refuse_tag(self, node: yaml.Node) -> Any:
        raise ConstructorError(None, None, f"the tag {node.tag} is not known here", node.start_mark)


_Loader.add_constructor(None, _Loader.refuse_tag)
for _tag in ("timestamp", "int", "float", "bool", "null"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_scalar_or_text)


def read(text: str) -> YamlText:
    """Read a text that holds one mapping.

    Raises:
        MalformedYamlError: it is no YAML, refers to itself, or holds something else than a mapping.
    """
    brackets = text.count("[") + text.count("{")
    if (
        len(text) > MOST_CHARACTERS
        or brackets > MOST_BRACKETS
        or max(map(len, text.splitlines()), default=0) > LONGEST_LINE
    ):
        raise MalformedYamlError(0, "The file is too large to be an instance's.", "Look at what was put into it.")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise MalformedYamlError(1, "The file holds no instance.", "Begin with `code:` and `name:`.")
        lines: dict[Place, int] = {}
        doubts: list[Doubt] = []
        for place, found in _walk(node, (), ()):
            if isinstance(found, Doubt):
                doubts.append(found)
            else:
                lines[place] = found
            if len(lines) > MOST_PLACES:
                raise MalformedYamlError(0, "The file's aliases (*name) multiply what it holds.", "Write it out.")
        values = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise _malformed(error) from None
    except RecursionError:
        raise MalformedYamlError(0, "The file is nested too deeply.", "Look at its brackets.") from None
    return YamlText(values, lines, tuple(doubts))


def _walk(node: yaml.Node, place: Place, around: tuple[int, ...]) -> Iterator[tuple[Place, int | Doubt]]:
    """Every place below a node with its line (of the key, where it has one), and every doubt."""
    line = node.start_mark.line + 1
    if id(node) in around:
        raise MalformedYamlError(line, "Something refers to itself by an alias (*name).", "Write it out.")
    yield place, line
    around = (*around, id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _walk(value, (*place, number), around)
    elif isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            at = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise MalformedYamlError(at, "There is a name that is no text.", "Write `name: value`.")
            inner = (*place, str(key.value))
            if key.value in first:
                message = f"is there twice, first in line {first[key.value]}; only one would count."
                yield inner, Doubt(at, inner, message, "Remove one of them.")
                continue
            first[key.value] = at
            yield from _walk(value, inner, around)
            yield inner, at


def _malformed(error: yaml.YAMLError) -> MalformedYamlError:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or "it holds a character that no text has"
    line = mark.line + 1 if mark is not None else 0
    return MalformedYamlError(line, f"The file is no valid YAML: {what}.", "Look at indentation and quotes there.")
