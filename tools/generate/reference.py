"""What the reference says of the properties, from their table: the two forms of the syntax, and the facts of each."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from workmail_resource.workmail.table import BOOKING_OPTIONS, CLOUDFORMATION, PROPERTIES, Property

#: What a reader of the reference is told beside the one sentence of the table.
REMARKS: Final[Mapping[str, str]] = {
    "ServiceToken": (
        "The provider stack exports it as `<stack name>-ServiceToken`, so with the default stack name it is "
        "`!ImportValue workmail-resource-ServiceToken`. The function has to be in the Region of the stack that "
        "declares the resource. This property is CloudFormation's own."
    ),
    "ServiceTimeout": (
        "The function answers within its own timeout of 300 seconds; Lambda may try it three times. 600 suits a room; "
        "without this property a stack may hang for an hour if the function cannot answer at all. This property is "
        "CloudFormation's own."
    ),
    "OrganizationId": "It has to be in the account of the provider and in the provider's `WorkMailRegion`.",
    "Name": (
        "Upper and lower case count as the same, so a change of case alone changes nothing. Letters, digits, `_`, `-` "
        "and `.` of ASCII, no spaces, optionally followed by `@` and a domain."
    ),
    "Type": "",
    "Description": (
        "A blank at either end, or a control character such as the end of a line, is refused. Without this property "
        "there is no description: leaving it out of a later template clears it."
    ),
    "HiddenFromGlobalAddressList": "",
    "Email": (
        "With it the resource is registered to WorkMail, so `ENABLED` and bookable. The domain has to be a verified "
        "domain of the organization. A changed address does not stay as an alias unless `Aliases` lists it. Leaving it "
        "out of a later template deregisters the resource; WorkMail keeps the mailbox for 30 days."
    ),
    "Aliases": "Their order does not matter. No address may be listed twice or be the `Email`.",
    "BookingOptions": "A key that is left out has its default.",
    "Delegates": (
        "Each is an id, a name or an address of somebody who is enabled in the organization. Their order does "
        "not matter. None may be listed twice."
    ),
    "ExistingResource": (
        "`FAIL` fails and touches nothing. `ADOPT` takes it over if it has the same `Type` and no other stack owns it, "
        "and brings it to the declared state; if there is none, it is created. See [Adoption](#adoption)."
    ),
}
_OPTION_REMARKS: Final[Mapping[str, str]] = {"AutoAcceptRequests": "With `false` the `Delegates` answer."}

_ALL: Final = (*CLOUDFORMATION, *PROPERTIES)
_TYPES: Final = {"text": "String", "choice": "String", "boolean": "Boolean", "number": "Integer"}


def fill(page: str) -> str:
    """Return the reference with what stands between its marks written anew.

    Raises
    ------
    ValueError
        A mark is missing.
    """
    for name, content in {
        "JSON syntax": json_syntax(),
        "YAML syntax": yaml_syntax(),
        "properties": properties(),
        "booking options": booking_options(),
    }.items():
        page = between(page, name, content)
    return page


def between(page: str, name: str, content: str) -> str:
    """Return *page* with *content* between the marks of this *name*.

    Raises
    ------
    ValueError
        There are no such marks, or several.
    """
    begin, end = f"<!-- Written by make generate: {name} -->", f"<!-- End of {name} -->"
    marks = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}\n", re.DOTALL)
    written, count = marks.subn(lambda _: f"{begin}\n\n{content.strip()}\n\n{end}\n", page)
    if count != 1:
        raise ValueError(f"the page has {count} places for {name}; it needs one, between {begin!r} and {end!r}")
    return written


def json_syntax() -> str:
    """Return the syntax block in JSON."""
    lines = ",\n".join(f'      "{one.name}" : {_json_type(one)}' for one in _ALL)
    return f"""```json syntax
{{
  "Type" : "Custom::WorkMailResource",
  "Properties" : {{
{lines}
  }}
}}
```"""


def _json_type(one: Property) -> str:
    if one.kind == "object":
        return "{\n" + ",\n".join(f'          "{key.name}" : {_json_type(key)}' for key in one.options) + "\n      }"
    return "[ String, ... ]" if one.kind == "texts" else _TYPES[one.kind]


def yaml_syntax() -> str:
    """Return the syntax block in YAML."""
    lines = "\n".join(f"  {one.name}:{_yaml_type(one)}" for one in _ALL)
    return f"""```yaml syntax
Type: Custom::WorkMailResource
Properties:
{lines}
```"""


def _yaml_type(one: Property) -> str:
    if one.kind == "object":
        return "".join(f"\n    {key.name}:{_yaml_type(key)}" for key in one.options)
    return "\n    - String" if one.kind == "texts" else f" {_TYPES[one.kind]}"


def properties() -> str:
    """Return a section for each property.

    Raises
    ------
    KeyError
        A property has no remarks; an empty text will do.
    """
    return "\n\n".join("\n".join((f"#### `{one.name}`\n", f"{_words(one)}\n", *_facts(one))) for one in _ALL)


def _words(one: Property) -> str:
    needs = f"Needs `{one.needs}`." if one.needs else ""
    default = f"The default is `{_shown(one.default)}`." if one.default not in (None, ()) else ""
    return " ".join(filter(None, (_marked(one.summary), REMARKS[one.name], default, needs)))


def _marked(sentence: str) -> str:
    """Return a sentence with its constants and the names of properties as code."""
    names = {one.name for one in _ALL} - {"Description"}
    return re.sub(r"\b[A-Z]\w+\b", lambda m: f"`{m[0]}`" if m[0] in names or m[0] in _STATES else m[0], sentence)


_STATES: Final = {"ENABLED", "DISABLED"}


def _facts(one: Property) -> Iterator[str]:
    yield f"- *Required*: {_required(one)}"
    yield f"- *Type*: {_type(one)}"
    if one.kind == "boolean":
        yield "- *Allowed values*: `true` | `false`"
    if one.values:
        yield f"- *Allowed values*: {' | '.join(f'`{value}`' for value in one.values)}"
    if one.kind == "number":
        yield "- *Minimum*: `1`"
        yield f"- *Maximum*: `{one.most}`"
    if one.form:
        yield "- *Minimum*: `1`"
        yield f"- *Maximum*: `{one.form.longest}{f' | {one.most}' if one.most else ''}`"
        yield f"- *Pattern*: `{one.form.pattern}`"
    yield f"- *Update requires*: {one.update}"


def _required(one: Property) -> str:
    if one.required:
        return "Yes"
    depend = [other.name for other in _ALL if other.needs == one.name]
    depend = [f"`{name}`" for name in depend]
    depend += [
        f"`{option.name}: {_shown(not option.default)}`"
        for other in _ALL
        for option in other.options
        if option.needs == one.name
    ]
    if not depend:
        return "No"
    at_least = " at least one" if one.kind == "texts" else " it"
    return f"Conditional. {' and '.join(depend)} need{'s' if len(depend) == 1 else ''}{at_least}."


def _type(one: Property) -> str:
    if one.kind == "object":
        # The section of the object itself comes after that of the property, which has the same heading.
        return f"[{one.name}](#{one.name.lower()}-1)"
    return "Array of String" if one.kind == "texts" else _TYPES[one.kind]


def booking_options() -> str:
    """Return the table of the keys of ``BookingOptions``."""
    rows = (
        f"| `{one.name}` | {_TYPES[one.kind]} | `{_shown(one.default)}` | "
        f"{' '.join(filter(None, (one.summary, _OPTION_REMARKS.get(one.name))))} |"
        for one in BOOKING_OPTIONS
    )
    return "\n".join(("| Key | Type | Default | Meaning |", "|---|---|---|---|", *rows))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
