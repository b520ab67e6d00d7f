"""The guide for a further aggregator quotes code that runs."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = Path("tests/contract/example_fifth")


def test_the_guide_quotes_every_file_of_the_example_as_it_is() -> None:
    guide = (ROOT / "docs/adding-an-aggregator.md").read_text()

    for file in sorted((ROOT / EXAMPLE).glob("*.py")):
        if file.name != "__init__.py":
            quoted = f"```python\n# {EXAMPLE / file.name}\n{file.read_text()}```\n"
            assert quoted in guide, f"{file.name} is not quoted as it is: paste it again"
