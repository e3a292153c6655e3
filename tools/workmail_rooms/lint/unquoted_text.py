"""A text that YAML does not read as it is written."""

from collections.abc import Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule, RuleMatch  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))

#: The properties that are text, or lists of texts.
_TEXTS: Final = tuple(
    name
    for name, facts in _shared.SCHEMA["properties"].items()
    for definition in [facts.get("items", facts).get("$ref", "").rpartition("/")[2]]
    if definition and _shared.SCHEMA["definitions"][definition]["type"] == "string"
)

# What cfn-lint itself reads YAML with: libyaml's, where there is one.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnquotedText(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds ``0101``, ``3.10``, ``yes`` and the like, which reach WorkMail as ``65``, ``3.1`` and ``true``."""

    id = "W9516"
    shortdesc = "A text without quotes that YAML changes"
    description = (
        "YAML, as CloudFormation reads it, takes some texts for numbers or booleans; in quotes they stay as they are"
    )
    source_url = "https://yaml.org/type/"
    tags = [*_shared.TAGS, "yaml"]

    def match(self, cfn: Any) -> list[Any]:
        """Return each value that does not arrive as it is written; a template that comes from no file is let be."""
        places = [place for place in _places(cfn) if any(True for _ in _numbers(place.value, None, ()))]
        written = _written(cfn.filename) if places else {}
        found = {
            (*place.path, *rest): f"{place.name} is {text}{place.how}, which YAML reads as {_shared.as_text(value)}; "
            f'quote it: "{text}"'
            for place in places
            for rest, value, text in _numbers(place.value, written.get(_shared.position(place.key)), ())
            if text not in ("", _shared.as_text(value))
        }
        return [RuleMatch(list(path), message) for path, message in found.items()]


class _Place(NamedTuple):
    """Where the value of a property comes from: the property *name*, the key that has it, and how it gets there."""

    name: str
    key: Any
    value: Any
    path: tuple[Any, ...]
    how: str


def _places(cfn: Any) -> Iterator[_Place]:
    parameters = _shared.section(cfn, "Parameters")
    for logical_id, resource in _shared.ours(cfn).items():
        properties = resource.get("Properties")
        for key, value in properties.items() if isinstance(properties, Mapping) else ():
            if key not in _TEXTS:
                continue
            yield _Place(key, key, value, ("Resources", logical_id, "Properties", key), "")
            for name in sorted(_shared.parameters_in(value, parameters)):
                for fact, given in parameters[name].items():
                    if fact in ("Default", "AllowedValues"):
                        yield _Place(key, fact, given, ("Parameters", name, fact), f" by {fact} of {name}")


def _written(filename: str | None) -> dict[tuple[int, int], yaml.Node]:
    """Return what the keys of a file have as it is written, by their line and column; nothing if it cannot be read."""
    try:
        root = yaml.compose(Path(filename or "").read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    found: dict[tuple[int, int], yaml.Node] = {}
    nodes = [root]
    for node in nodes:
        if isinstance(node, yaml.MappingNode):
            found |= {(key.start_mark.line, key.start_mark.column): value for key, value in node.value}
            nodes += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
    return found


def _numbers(value: Any, node: yaml.Node | None, path: tuple[Any, ...]) -> Iterator[tuple[Any, Any, str]]:
    """Yield the numbers and booleans in a value, each with its path and with what is written in its *node*."""
    if isinstance(value, Mapping):
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        for key, item in value.items():
            # A function in its short form is a tag on its arguments.
            short = node if node and node.tag.startswith("!") else None
            yield from _numbers(item, short or next((n for k, n in pairs if k.value == key), None), (*path, key))
    elif isinstance(value, list):
        nodes = node.value if isinstance(node, yaml.SequenceNode) and len(node.value) == len(value) else repeat(None)
        for index, (item, child) in enumerate(zip(value, nodes, strict=False)):
            yield from _numbers(item, child, (*path, index))
    elif isinstance(value, bool | int | float):
        yield path, value, node.value if isinstance(node, yaml.ScalarNode) else ""
