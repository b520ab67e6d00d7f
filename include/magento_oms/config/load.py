"""Reading `instances/*.yaml`: the good ones as models, and every problem of the others with file, line and field."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from magento_oms.config import yaml_text
from magento_oms.config.accounts import conflict_of_accounts
from magento_oms.config.fields import SECRET
from magento_oms.config.models import InstanceConfig, StatusMeaning
from magento_oms.config.words import in_words
from magento_oms.config.yaml_text import Place, YamlText

VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")

STORE_URLS = ("notification_url", "return_ack_url")
"""URLs of a store that the environment may tell, as it may tell the instance's own."""

NAMED_BY_THE_BRAND = {*(group.value for group in StatusMeaning), "buffers", "pickup_locations"}
"""Below these, keys are statuses, SKUs and locations: any word may be one."""


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
            message = f"{config.code!r} is the code of {other} too, which is the one that counts."
            problems.append(ConfigProblem(path.name, _line_of_code(path), "code", message, "Give it another."))
            continue
        if conflict := conflict_of_accounts(config, (other for other, _ in good.values())):
            place, message = conflict
            line = _line(yaml_text.read(path.read_text(encoding="utf-8")), place)
            way_out = "Say the same in both files, or give one of them another code."
            problems.append(ConfigProblem(path.name, line, _dotted(place), message, way_out))
            continue
        good[config.code] = (config, path)
    return Instances(tuple(config for _, (config, _) in sorted(good.items())), tuple(problems))


def load_instance(path: Path) -> tuple[InstanceConfig | None, list[ConfigProblem]]:
    """One file: the instance, or None and all that is wrong with it."""
    name = path.name
    try:
        said = yaml_text.read(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        return None, [ConfigProblem(name, 0, "", "The file is not UTF-8 text.", "Save it as UTF-8.")]
    except OSError as error:
        way_out = "Let it be a file that the user who runs Airflow may read."
        return None, [ConfigProblem(name, 0, "", f"The file cannot be read: {error.strerror}.", way_out)]
    except yaml_text.MalformedYamlError as error:
        return None, [ConfigProblem(name, error.line, "", error.message, error.way_out)]
    problems = _secrets(name, said)
    problems += [
        ConfigProblem(name, doubt.line, _dotted(doubt.place), doubt.message, doubt.way_out) for doubt in said.doubts
    ]
    content, unset = _with_environment(said.values)
    for place, variable in unset.items():
        message = f"The environment variable {variable} is not set."
        way_out = "Set it, or give a default as in ${NAME:-default}."
        problems.append(ConfigProblem(name, _line(said, place), _dotted(place), message, way_out))
    told = {problem.field for problem in problems}
    try:
        config = InstanceConfig.model_validate(content)
    except ValidationError as error:
        problems += [problem for problem in _invalid(name, said, error) if problem.field not in told]
        return None, sorted(problems, key=lambda problem: problem.line)
    return (None if problems else config), problems


def _secrets(name: str, said: YamlText) -> list[ConfigProblem]:
    """Fields whose names say that they hold a secret. Their values are never repeated."""
    return [
        ConfigProblem(name, line, _dotted(place), "looks like a secret.", "Put it into the Airflow connection.")
        for place, line in said.lines.items()
        if place
        and isinstance(place[-1], str)
        and SECRET.search(place[-1])
        and not NAMED_BY_THE_BRAND.intersection(place[-2:-1])
    ]


def _with_environment(content: dict[str, Any]) -> tuple[dict[str, Any], dict[Place, str]]:
    """Put the environment (`${NAME}`, `${NAME:-default}`) into the URLs that lead elsewhere, and only there; the
    variables that are not set, by the place that names them.
    """
    unset: dict[Place, str] = {}
    resolved = _resolved(content, ("url",), (), unset)
    stores = content.get("stores")
    if isinstance(stores, list):
        resolved["stores"] = [
            _resolved(store, STORE_URLS, ("stores", number), unset) if isinstance(store, dict) else store
            for number, store in enumerate(stores)
        ]
    return resolved, unset


def _resolved(content: dict[str, Any], names: Sequence[str], at: Place, unset: dict[Place, str]) -> dict[str, Any]:
    found = dict(content)
    for name in names:
        url = content.get(name)
        if not isinstance(url, str):
            continue
        for variable, _ in VARIABLE.findall(url):
            if variable not in os.environ and f"${{{variable}}}" in url:
                unset.setdefault((*at, name), variable)
        found[name] = VARIABLE.sub(lambda match: os.environ.get(match[1]) or match[2] or "", url)
    return found


def _invalid(name: str, said: YamlText, error: ValidationError) -> list[ConfigProblem]:
    found = error.errors(include_url=False, include_input=False)
    # A list with a bad element also counts as too short: only what lies furthest inside is told.
    inner = [
        detail
        for detail in found
        if not any(other is not detail and other["loc"][: len(detail["loc"])] == detail["loc"] for other in found)
    ]
    problems = []
    for detail in inner:
        place = tuple(part for part in detail["loc"] if part != "[key]")
        message, way_out = in_words(InstanceConfig, place, detail)
        problems.append(ConfigProblem(name, _line(said, place), _dotted(place), message, way_out))
    return problems


def _line(said: YamlText, place: Place) -> int:
    """The line of a place, or of what it should be in."""
    while place and place not in said.lines:
        place = place[:-1]
    return said.lines[place]


def _line_of_code(path: Path) -> int:
    return _line(yaml_text.read(path.read_text(encoding="utf-8")), ("code",))


def _dotted(place: Place) -> str:
    return ".".join(map(str, place))
