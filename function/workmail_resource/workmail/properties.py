"""What a template declares: the properties of one room or piece of equipment, parsed from CloudFormation's strings.

Pure: nothing here calls anything. Which properties there are, and what each may be, :mod:`.table` says.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

from .errors import InvalidPropertiesError
from .table import (
    BOOKING_OPTIONS,
    CLOUDFORMATION,
    ORGANIZATION_ID,
    PROPERTIES,
    ExistingResource,
    Property,
    ResourceType,
)

#: The booking options' names in the API, in the order of :class:`BookingOptions`.
BOOKING_KEYS: Final = tuple(option.name for option in BOOKING_OPTIONS)
_ACCEPT, _DECLINE_RECURRING, _DECLINE_CONFLICTING = (bool(option.default) for option in BOOKING_OPTIONS)


class BookingOptions(NamedTuple):
    """How a room answers booking requests; the defaults are those of a new WorkMail resource."""

    auto_accept_requests: bool = _ACCEPT
    auto_decline_recurring_requests: bool = _DECLINE_RECURRING
    auto_decline_conflicting_requests: bool = _DECLINE_CONFLICTING

    @classmethod
    def of(cls, values: Mapping[str, bool]) -> Self:
        """Return the options by their names in the API; one that is missing has its default."""
        return cls(*map(values.get, BOOKING_KEYS, cls()))

    def by_key(self) -> dict[str, bool]:
        """Return the options by their names in the API."""
        return dict(zip(BOOKING_KEYS, self, strict=True))


class Declaration(NamedTuple):
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
    booking: BookingOptions = BookingOptions()
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
    reader.refuse_unknown(PROPERTIES, besides={one.name for one in CLOUDFORMATION})
    values = {one.name: reader.read(one) for one in PROPERTIES}
    for one in PROPERTIES:
        if one.needs is not None and values[one.name] and one.needs not in properties:
            reader.problem(
                one.name, f"needs {one.needs}: only a resource that is registered with an address can have them"
            )
    email, aliases, booking = values["Email"], values["Aliases"], values["BookingOptions"]
    if email is not None and email.casefold() in {alias.casefold() for alias in aliases}:
        reader.problem("Aliases", f"lists {email}, which is the Email itself; leave it out of Aliases")
    if not booking.auto_accept_requests and not values["Delegates"] and "Delegates" not in reader.faulty:
        reader.problem(
            "BookingOptions.AutoAcceptRequests",
            "is false, so somebody must answer the requests; declare at least one of Delegates",
        )
    reader.finish()
    return Declaration(
        organization_id=values["OrganizationId"],
        name=values["Name"],
        type=values["Type"],
        description=values["Description"],
        hidden=values["HiddenFromGlobalAddressList"],
        email=email,
        aliases=aliases,
        booking=booking,
        delegates=values["Delegates"],
        existing=values["ExistingResource"],
    )


def organization_id(properties: Mapping[str, Any]) -> str | None:
    """Return the well-formed OrganizationId of *properties*, whatever the rest looks like; None without one.

    Old and broken properties reach Delete and Update too, and must block neither (contracts 29 and 35).
    """
    value = properties.get("OrganizationId")
    return value if isinstance(value, str) and re.fullmatch(ORGANIZATION_ID.pattern, value) else None


def declares_adopt(properties: Mapping[str, Any]) -> bool:
    """Tell whether *properties*, valid or not, declare ``ExistingResource: ADOPT``."""
    return properties.get("ExistingResource") == "ADOPT"


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

    def refuse_unknown(self, known: Sequence[Property], *, besides: Collection[str] = ()) -> None:
        names = {one.name for one in known}
        for key in sorted(set(self.values) - names - set(besides)):
            self.problem(key, f"is not a property here{_did_you_mean(key, names)}")

    def read(self, one: Property) -> Any:
        """Return the value of a property; of one that is missing or wrong, its default."""
        if one.kind == "object":
            return self._booking(one)
        if one.name not in self.values:
            if one.required:
                self.problem(one.name, f"is required{f'; it is {_any_of(one)}' if one.values else ''}")
            return one.default
        value = self.values[one.name]
        match one.kind:
            case "text":
                return self._text(one, one.name, value)
            case "texts":
                return self._texts(one, value)
            case "choice":
                return self._choice(one, value)
            case "boolean":
                return self._boolean(one, value)
        raise AssertionError(f"{one.name} is of kind {one.kind}, which no property of a resource is")

    def _text(self, one: Property, key: str, value: object) -> str | None:
        form = one.form
        if not isinstance(value, str):
            self.problem(key, f"must be a string, not {_kind(value)}")
        elif not value:
            self.problem(key, "is empty; give it a value, or leave it out (AWS::NoValue in a condition)")
        elif form is not None and len(value) > form.longest:
            self.problem(key, f"has {len(value)} characters; at most {form.longest} are allowed")
        elif form is not None and not re.fullmatch(form.pattern, value):
            self.problem(key, f"must be {form.words}" if one.sensitive else f"is {value!r}; it must be {form.words}")
        else:
            return value
        return None

    def _texts(self, one: Property, values: object) -> tuple[str, ...]:
        if not isinstance(values, list):
            self.problem(one.name, f"must be a list, not {_kind(values)}")
            return ()
        if one.most is not None and len(values) > one.most:
            self.problem(one.name, f"has {len(values)} entries; at most {one.most} are allowed")
        texts: dict[str, str] = {}
        for index, value in enumerate(values):
            text = self._text(one, f"{one.name}[{index}]", value)
            if text is None:
                self.faulty.add(one.name)
            elif text.casefold() in texts:
                self.problem(one.name, f"lists {text} twice")
            else:
                texts[text.casefold()] = text
        return tuple(texts.values())

    def _choice(self, one: Property, value: object) -> Any:
        if value in one.values:
            return value
        self.problem(one.name, f"is {value!r}; it must be {_any_of(one)}")
        return one.default

    def _boolean(self, one: Property, value: object) -> Any:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        self.problem(one.name, f"is {value!r}; it must be true or false")
        return one.default

    def _booking(self, one: Property) -> BookingOptions:
        values = self.values.get(one.name, {})
        if not isinstance(values, Mapping):
            self.problem(one.name, f"must be an object with {', '.join(BOOKING_KEYS)}")
            return BookingOptions()
        inner = _Reader(values, prefix=f"{one.name}.", problems=self.problems, faulty=self.faulty)
        inner.refuse_unknown(one.options)
        return BookingOptions.of({option.name: inner.read(option) for option in one.options})


def _any_of(one: Property) -> str:
    return " or ".join(one.values)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)


def _did_you_mean(key: str, known: Collection[str]) -> str:
    # Imported here because only a faulty template pays for it.
    from difflib import get_close_matches  # noqa: PLC0415

    close = get_close_matches(key, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; the properties are {', '.join(sorted(known))}"
