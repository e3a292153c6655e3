r"""The properties of ``Custom::WorkMailResource``: one row each, from which everything else about them follows.

:mod:`.properties` reads what a template declares by these rows. ``make generate`` writes the JSON Schema, which the
lint rules go by, and the property section of the reference. The limits are those of the WorkMail API model
(https://docs.aws.amazon.com/workmail/latest/APIReference/API_CreateResource.html).

Patterns match whole texts, and mean the same in Python and in ECMAScript: so no ``\s`` and no ``\w``.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

ResourceType = Literal["ROOM", "EQUIPMENT"]
ExistingResource = Literal["FAIL", "ADOPT"]

Kind = Literal["text", "texts", "choice", "boolean", "number", "object"]
Update = Literal["No interruption", "Replacement", "Updates are not supported."]


@dataclass(frozen=True, slots=True)
class Form:
    """What a text looks like.

    Attributes
    ----------
    name:
        Of the form, in the schema.
    words:
        What the pattern asks for; ends the sentence "it must be ...".
    pattern:
        Of the whole text.
    longest:
        The most characters; the fewest are always 1.
    """

    name: str
    words: str
    pattern: str
    longest: int


@dataclass(frozen=True, slots=True)
class Property:
    """A property, or a key of a property that is an object.

    Attributes
    ----------
    kind:
        ``texts`` is a list of texts whose order does not count, and none of which is there twice.
    summary:
        One sentence: what it is.
    required:
        Whether every template has to declare it.
    form:
        Of the text, or of each text of the list.
    values:
        Those of a choice.
    most:
        The greatest value of a number, which is at least 1, or the most entries of a list.
    options:
        The keys of an object.
    default:
        What it is when it is left out; None stands for nothing.
    needs:
        Another property, without which this one cannot be other than its default.
    update:
        What CloudFormation does when it changes.
    sensitive:
        Whether no message may repeat its value.
    """

    name: str
    kind: Kind
    summary: str
    required: bool = False
    form: Form | None = None
    values: tuple[str, ...] = ()
    most: int | None = None
    options: "tuple[Property, ...]" = ()
    default: Any = None
    needs: str | None = None
    update: Update = "No interruption"
    sensitive: bool = False


# Unicode's blanks and control characters. WorkMail may take blanks away at the ends of a text, and then never shows
# what was declared.
_CONTROL: Final = r"\u0000-\u001f\u007f-\u009f"
_BLANK: Final = r"\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"

ORGANIZATION_ID: Final = Form("OrganizationId", "m- followed by 32 hexadecimal digits", "m-[0-9a-f]{32}", 34)
NAME: Final = Form(
    "Name",
    "letters, digits, '_', '-' and '.', without spaces, optionally followed by @ and a domain",
    r"[a-zA-Z0-9_.-]+(@[a-zA-Z0-9.-]+\.[a-zA-Z0-9-]{2,})?",
    20,
)
DESCRIPTION: Final = Form(
    "Description",
    "a text without a blank at either end and without control characters, such as the end of a line",
    f"[^{_CONTROL}{_BLANK}]([^{_CONTROL}]*[^{_CONTROL}{_BLANK}])?",
    64,
)
ADDRESS: Final = Form("Address", "an e-mail address", r"[a-zA-Z0-9._%+-]{1,64}@[a-zA-Z0-9.-]+\.[a-zA-Z-]{2,}", 254)
DELEGATE: Final = Form("Delegate", "the id, name or address of a user or group", "[a-zA-Z0-9._%+@-]+", 256)

#: The two that CloudFormation itself puts among the properties of every custom resource.
CLOUDFORMATION: Final = (
    Property(
        "ServiceToken",
        "text",
        "The ARN of the provider's function.",
        required=True,
        update="Updates are not supported.",
    ),
    Property(
        "ServiceTimeout",
        "number",
        "The seconds after which CloudFormation gives up waiting for the provider's answer.",
        most=3600,
    ),
)

#: The keys of ``BookingOptions``, with the defaults of a new WorkMail resource.
BOOKING_OPTIONS: Final = (
    Property("AutoAcceptRequests", "boolean", "Accept requests.", default=True, needs="Delegates"),
    Property("AutoDeclineRecurringRequests", "boolean", "Decline recurring requests.", default=False),
    Property("AutoDeclineConflictingRequests", "boolean", "Decline requests for a time that is taken.", default=True),
)

#: The properties, in the order in which the reference has them.
PROPERTIES: Final = (
    Property(
        "OrganizationId",
        "text",
        "The WorkMail organization.",
        required=True,
        form=ORGANIZATION_ID,
        update="Replacement",
    ),
    Property(
        "Name",
        "text",
        "The name, unique in the organization among users, groups and resources.",
        required=True,
        form=NAME,
    ),
    Property(
        "Type",
        "choice",
        "Whether it is a room or a piece of equipment.",
        required=True,
        values=get_args(ResourceType),
    ),
    Property("Description", "text", "Shown in the WorkMail console.", form=DESCRIPTION, sensitive=True),
    Property(
        "HiddenFromGlobalAddressList",
        "boolean",
        "Whether the organization's global address list leaves the resource out.",
        default=False,
    ),
    Property("Email", "text", "The primary address, without which the resource is DISABLED.", form=ADDRESS),
    Property(
        "Aliases",
        "texts",
        "Further addresses: exactly these, whatever was there.",
        form=ADDRESS,
        most=100,
        default=(),
        needs="Email",
    ),
    Property("BookingOptions", "object", "How booking requests are answered.", options=BOOKING_OPTIONS),
    Property(
        "Delegates",
        "texts",
        "The users and groups that answer for the resource: exactly these, whatever was there.",
        form=DELEGATE,
        default=(),
        needs="Email",
    ),
    Property(
        "ExistingResource",
        "choice",
        "What happens on creation when the organization already has a resource of this Name.",
        values=get_args(ExistingResource),
        default="FAIL",
    ),
)
