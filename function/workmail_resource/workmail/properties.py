"""What a template declares: the properties of one room or piece of equipment, parsed from CloudFormation's strings.

Pure: nothing here calls anything. The limits are those of the WorkMail API model
(https://docs.aws.amazon.com/workmail/latest/APIReference/API_CreateResource.html).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from .errors import InvalidPropertiesError

ResourceType = Literal["ROOM", "EQUIPMENT"]
ExistingResource = Literal["FAIL", "ADOPT"]

#: Keys that CloudFormation itself puts into every custom resource's properties.
CLOUDFORMATION_KEYS: Final = frozenset({"ServiceToken", "ServiceTimeout"})

MAX_NAME: Final = 20
MAX_DESCRIPTION: Final = 64
MAX_EMAIL: Final = 254
MAX_ALIASES: Final = 100
MAX_ENTITY_IDENTIFIER: Final = 256

_ORGANIZATION_ID = re.compile(r"m-[0-9a-f]{32}")
_NAME = re.compile(r"[\w\-.]+(@[a-zA-Z0-9.\-]+\.[a-zA-Z0-9-]{2,})?", re.ASCII)
_EMAIL = re.compile(r"[a-zA-Z0-9._%+-]{1,64}@[a-zA-Z0-9.-]+\.[a-zA-Z-]{2,}")
_ENTITY_IDENTIFIER = re.compile(r"[a-zA-Z0-9._%+@-]+")


@dataclass(frozen=True, slots=True)
class BookingOptions:
    """How a room answers booking requests; the defaults are those of a new WorkMail resource."""

    auto_accept_requests: bool = True
    auto_decline_recurring_requests: bool = False
    auto_decline_conflicting_requests: bool = True


@dataclass(frozen=True, slots=True)
class Declaration:
    """One room or piece of equipment as a template declares it.

    Attributes
    ----------
    email:
        The primary address, or None for a resource that stays DISABLED.
    aliases, delegates:
        Exactly these; a delegate is an id, a name or an address of a user or group.
    existing:
        What a Create does when the organization already has a resource of this name.
    """

    organization_id: str
    name: str
    type: ResourceType
    description: str | None = None
    hidden: bool = False
    email: str | None = None
    aliases: tuple[str, ...] = ()
    booking: BookingOptions = field(default_factory=BookingOptions)
    delegates: tuple[str, ...] = ()
    existing: ExistingResource = "FAIL"


def parse(properties: Mapping[str, Any]) -> Declaration:
    """Read the ``ResourceProperties`` of an event.

    Parameters
    ----------
    properties:
        As CloudFormation sends them: every scalar is a string.

    Raises
    ------
    InvalidPropertiesError
        With every problem that there is, not only the first.
    """
    reader = _Reader(properties)
    reader.refuse_unknown(_PROPERTIES | CLOUDFORMATION_KEYS)
    organization_id = reader.text(
        "OrganizationId", _ORGANIZATION_ID, 34, "m- followed by 32 hexadecimal digits", required=True
    )
    name = reader.text(
        "Name",
        _NAME,
        MAX_NAME,
        "letters, digits, '_', '-' and '.', without spaces, optionally followed by @ and a domain",
        required=True,
    )
    type_ = reader.choice("Type", get_args(ResourceType), required=True)
    existing = reader.choice("ExistingResource", get_args(ExistingResource)) or "FAIL"
    description = reader.text("Description", None, MAX_DESCRIPTION, "")
    hidden = reader.boolean("HiddenFromGlobalAddressList", default=False)
    email = reader.text("Email", _EMAIL, MAX_EMAIL, "an e-mail address")
    aliases = reader.texts("Aliases", _EMAIL, MAX_EMAIL, "an e-mail address", MAX_ALIASES)
    delegates = reader.texts(
        "Delegates", _ENTITY_IDENTIFIER, MAX_ENTITY_IDENTIFIER, "the id, name or address of a user or group", None
    )
    booking = _booking(reader)
    reader.need("Email", has=email is not None or "Email" in properties, by="Aliases", when=bool(aliases))
    reader.need("Email", has=email is not None or "Email" in properties, by="Delegates", when=bool(delegates))
    if email is not None and email.casefold() in {alias.casefold() for alias in aliases}:
        reader.problem("Aliases", f"lists {email}, which is the Email itself; leave it out of Aliases")
    if not booking.auto_accept_requests and not delegates and "Delegates" not in reader.faulty:
        reader.problem(
            "BookingOptions.AutoAcceptRequests",
            "is false, so somebody must answer the requests; declare at least one of Delegates",
        )
    reader.finish()
    return Declaration(
        organization_id=organization_id or "",
        name=name or "",
        type="EQUIPMENT" if type_ == "EQUIPMENT" else "ROOM",
        description=description,
        hidden=hidden,
        email=email,
        aliases=aliases,
        booking=booking,
        delegates=delegates,
        existing="ADOPT" if existing == "ADOPT" else "FAIL",
    )


def organization_id(properties: Mapping[str, Any]) -> str | None:
    """Return the well-formed OrganizationId of *properties*, whatever the rest looks like; None without one.

    Old and broken properties reach Delete and Update too, and must block neither (contracts 29 and 35).
    """
    value = properties.get("OrganizationId")
    return value if isinstance(value, str) and _ORGANIZATION_ID.fullmatch(value) else None


def declares_adopt(properties: Mapping[str, Any]) -> bool:
    """Tell whether *properties*, valid or not, declare ``ExistingResource: ADOPT``."""
    return properties.get("ExistingResource") == "ADOPT"


_PROPERTIES: Final = frozenset(
    {
        "OrganizationId",
        "Name",
        "Type",
        "Description",
        "HiddenFromGlobalAddressList",
        "Email",
        "Aliases",
        "BookingOptions",
        "Delegates",
        "ExistingResource",
    }
)
_BOOKING_OPTIONS: Final = {
    "AutoAcceptRequests": True,
    "AutoDeclineRecurringRequests": False,
    "AutoDeclineConflictingRequests": True,
}


def _booking(reader: "_Reader") -> BookingOptions:
    value = reader.values.get("BookingOptions", {})
    if not isinstance(value, Mapping):
        reader.problem("BookingOptions", f"must be an object with {', '.join(_BOOKING_OPTIONS)}")
        return BookingOptions()
    inner = _Reader(value, prefix="BookingOptions.", problems=reader.problems, faulty=reader.faulty)
    inner.refuse_unknown(frozenset(_BOOKING_OPTIONS))
    return BookingOptions(*(inner.boolean(key, default=default) for key, default in _BOOKING_OPTIONS.items()))


@dataclass(slots=True)
class _Reader:
    """Reads values one by one and collects what is wrong with them."""

    values: Mapping[str, Any]
    prefix: str = ""
    problems: list[str] = field(default_factory=list)
    faulty: set[str] = field(default_factory=set)

    def problem(self, key: str, what: str) -> None:
        self.faulty.add(self.prefix + key)
        self.problems.append(f"{self.prefix}{key} {what}")

    def finish(self) -> None:
        if self.problems:
            raise InvalidPropertiesError(self.problems)

    def refuse_unknown(self, known: frozenset[str]) -> None:
        for key in sorted(set(self.values) - known):
            self.problem(key, f"is not a property here{_did_you_mean(key, known - CLOUDFORMATION_KEYS)}")

    def need(self, other: str, *, has: bool, by: str, when: bool) -> None:
        if when and not has:
            self.problem(by, f"needs {other}: only a resource that is registered with an address can have them")

    def text(
        self, key: str, pattern: re.Pattern[str] | None, longest: int, form: str, *, required: bool = False
    ) -> str | None:
        if key not in self.values:
            if required:
                self.problem(key, "is required")
            return None
        return self._text(key, self.values[key], pattern, longest, form)

    def _text(self, key: str, value: object, pattern: re.Pattern[str] | None, longest: int, form: str) -> str | None:
        if not isinstance(value, str):
            self.problem(key, f"must be a string, not {_kind(value)}")
        elif not value:
            self.problem(key, "is empty; give it a value, or leave it out (AWS::NoValue in a condition)")
        elif len(value) > longest:
            self.problem(key, f"has {len(value)} characters; at most {longest} are allowed")
        elif pattern is not None and not pattern.fullmatch(value):
            self.problem(key, f"is {value!r}; it must be {form}")
        else:
            return value
        return None

    def texts(self, key: str, pattern: re.Pattern[str], longest: int, form: str, most: int | None) -> tuple[str, ...]:
        values = self.values.get(key, [])
        if not isinstance(values, list):
            self.problem(key, f"must be a list, not {_kind(values)}")
            return ()
        if most is not None and len(values) > most:
            self.problem(key, f"has {len(values)} entries; at most {most} are allowed")
        texts: dict[str, str] = {}
        for index, value in enumerate(values):
            text = self._text(f"{key}[{index}]", value, pattern, longest, form)
            if text is None:
                self.faulty.add(key)
            elif text.casefold() in texts:
                self.problem(key, f"lists {text} twice")
            else:
                texts[text.casefold()] = text
        return tuple(texts.values())

    def choice(self, key: str, allowed: tuple[str, ...], *, required: bool = False) -> str | None:
        if key not in self.values:
            if required:
                self.problem(key, f"is required; it is {' or '.join(allowed)}")
            return None
        value = self.values[key]
        if value in allowed:
            return str(value)
        self.problem(key, f"is {value!r}; it must be {' or '.join(allowed)}")
        return None

    def boolean(self, key: str, *, default: bool) -> bool:
        value = self.values.get(key, default)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        self.problem(key, f"is {value!r}; it must be true or false")
        return default


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)


def _did_you_mean(key: str, known: frozenset[str]) -> str:
    # Imported here because only a faulty template pays for it.
    from difflib import get_close_matches  # noqa: PLC0415

    close = get_close_matches(key, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; the properties are {', '.join(sorted(known))}"
