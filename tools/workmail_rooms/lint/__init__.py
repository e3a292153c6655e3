"""cfn-lint's rules for ``Custom::WorkMailResource``: ``cfn-lint TEMPLATE --append-rules workmail_rooms.lint``.

Given this module, cfn-lint takes the rules that it imports. Given the path of this folder, it loads each file by
itself, which works where this package is not installed.
"""

from workmail_rooms.lint.attribute import Attribute
from workmail_rooms.lint.duplicate_entry import DuplicateEntry
from workmail_rooms.lint.needs_delegate import NeedsDelegate
from workmail_rooms.lint.needs_email import NeedsEmail
from workmail_rooms.lint.parameter_value import ParameterValue
from workmail_rooms.lint.properties import Properties
from workmail_rooms.lint.property_value import PropertyValue
from workmail_rooms.lint.required_property import RequiredProperty
from workmail_rooms.lint.same_address import SameAddress
from workmail_rooms.lint.same_name import SameName
from workmail_rooms.lint.secure_reference import SecureReference
from workmail_rooms.lint.service_timeout import ServiceTimeout
from workmail_rooms.lint.short_service_timeout import ShortServiceTimeout
from workmail_rooms.lint.unquoted_text import UnquotedText
from workmail_rooms.lint.value_length import ValueLength
from workmail_rooms.lint.value_type import ValueType

__all__ = [
    "Attribute",
    "DuplicateEntry",
    "NeedsDelegate",
    "NeedsEmail",
    "ParameterValue",
    "Properties",
    "PropertyValue",
    "RequiredProperty",
    "SameAddress",
    "SameName",
    "SecureReference",
    "ServiceTimeout",
    "ShortServiceTimeout",
    "UnquotedText",
    "ValueLength",
    "ValueType",
]
