"""Reading `instances/*.yaml`: the good ones as models, and every problem of the others with file, line and field."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from magento_oms.config.models import InstanceConfig

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

SECRET = re.compile(r"password|passwd|secret|token|api_?key|private_?key", re.IGNORECASE)
VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """Something wrong in a file. `line` counts from 1; 0: the file as a whole."""

    file: str
    line: int
    field: str
    message: str
    way_out: str = ""

    def __str__(self) -> str:
        """One line for people."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        field = f" {self.field}:" if self.field else ""
        return f"{where}:{field} {self.message} {self.way_out}".strip()


@dataclass(frozen=True, slots=True)
class Instances:
    """What a folder holds. One bad file never hides the good ones."""

    good: tuple[InstanceConfig, ...]
    problems: tuple[ConfigProblem, ...]


def load_instances(folder: Path) -> Instances:
    """All instances of a folder, by code."""
    if not folder.is_dir():
        way_out = "Set MAGENTO_OMS_INSTANCES_DIR to the folder of the instances' YAML files."
        return Instances((), (ConfigProblem(str(folder), 0, "", "There is no such folder.", way_out),))
    good: dict[str, tuple[InstanceConfig, Path]] = {}
    problems: list[ConfigProblem] = []
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        config, wrong = load_instance(path)
        problems += wrong
        if config is None:
            continue
        if config.code in good:
            other = good[config.code][1].name
            problems.append(
                ConfigProblem(path.name, 1, "code", f"{config.code!r} is the code of {other} too.", "Give it another.")
            )
            continue
        good[config.code] = (config, path)
    return Instances(tuple(config for _, (config, _) in sorted(good.items())), tuple(problems))


def load_instance(path: Path) -> tuple[InstanceConfig | None, list[ConfigProblem]]:
    """One file: the instance, or None and all that is wrong with it."""
    name = path.name
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=Loader)
    except UnicodeDecodeError:
        return None, [ConfigProblem(name, 0, "", "The file is not UTF-8 text.", "Save it as UTF-8.")]
    except yaml.YAMLError as error:
        return None, [_malformed(name, error)]
    if not isinstance(node, yaml.MappingNode):
        return None, [ConfigProblem(name, 1, "", "The file holds no instance.", "Begin with `code:` and `name:`.")]
    lines = dict(_lines(node))
    problems = [
        ConfigProblem(
            name, line, ".".join(map(str, place)), "looks like a secret.", "Put it into the Airflow connection."
        )
        for place, line in lines.items()
        if place and isinstance(place[-1], str) and SECRET.search(place[-1])
    ]
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506  (a safe loader, see above)
    try:
        content = _with_environment(content)
        config = InstanceConfig.model_validate(content)
    except ValidationError as error:
        found = error.errors()
        # A list with a bad element also counts as too short: only what lies furthest inside is told.
        inner = [d for d in found if not any(e is not d and e["loc"][: len(d["loc"])] == d["loc"] for e in found)]
        return None, problems + [_problem(name, lines, content, detail) for detail in inner]
    except KeyError as error:
        way_out = "Set it, or give a default as in ${NAME:-default}."
        missing = f"The environment variable {error.args[0]} is not set."
        return None, [*problems, ConfigProblem(name, lines.get(("url",), 0), "url", missing, way_out)]
    return (None if problems else config), problems


def _with_environment(content: dict[str, Any]) -> dict[str, Any]:
    """`${NAME}` and `${NAME:-default}` in `url`, and only there, are the environment's."""
    url = content.get("url")
    if not isinstance(url, str):
        return content

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        if name not in os.environ and default is None:
            raise KeyError(name)
        return os.environ.get(name) or default or ""

    return content | {"url": VARIABLE.sub(value, url)}


def _malformed(name: str, error: yaml.YAMLError) -> ConfigProblem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or "it cannot be read"
    line = mark.line + 1 if mark is not None else 0
    return ConfigProblem(name, line, "", f"The file is no valid YAML: {what}.", "Look at indentation and quotes there.")


def _lines(node: yaml.Node, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """Every place of the file with its line."""
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            yield inner, key.start_mark.line + 1
            yield from ((found, line) for found, line in _lines(value, inner) if found != inner)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, (*place, number))


def _problem(name: str, lines: dict[tuple[str | int, ...], int], content: dict[str, Any], detail: Any) -> ConfigProblem:
    place = tuple(part for part in detail["loc"] if not (isinstance(part, str) and part == "[key]"))
    known = place
    while known and known not in lines:
        known = known[:-1]
    message = str(detail["msg"]).removeprefix("Value error, ").rstrip(".") + "."
    way_out = ""
    if detail["type"] == "extra_forbidden":
        message = "is not known."
        names = _names_at(place[:-1])
        near = get_close_matches(str(place[-1]), names, n=1)
        way_out = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(sorted(names))}."
    elif detail["type"] == "missing":
        message, way_out = "is missing.", "Add it."
    return ConfigProblem(name, lines.get(known, 1), ".".join(map(str, place)), message, way_out)


def _names_at(place: tuple[str | int, ...]) -> list[str]:
    """Names of the fields that may stand at a place."""
    model: Any = InstanceConfig
    for part in place:
        if isinstance(part, int):
            continue
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            return []
        model = _model_of(field.annotation)
    return list(getattr(model, "model_fields", {}))


def _model_of(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if (found := _model_of(inner)) is not None:
            return found
    return None
