from typing import Any

import pytest

from workmail_rooms.sandbox.cloudformation import ValidationError
from workmail_rooms.sandbox.cloudformation.parameters import fetch_parameters, resolve_parameters, typed_values


def resolve(declaration: dict[str, Any], **given: str) -> dict[str, str]:
    """Resolve one declared parameter named P."""
    return resolve_parameters({"P": declaration}, given, {})


@pytest.mark.parametrize(
    ("declaration", "given", "value"),
    [
        ({"Type": "String", "Default": "d"}, {}, "d"),
        ({"Type": "String", "Default": "d"}, {"P": "g"}, "g"),
        ({"Type": "Number", "Default": 5}, {}, "5"),
        ({"Type": "Number"}, {"P": "-1.5e3"}, "-1.5e3"),
        ({"Type": "String", "Default": True}, {}, "true"),
        ({"Type": "String", "AllowedValues": [True, "x"]}, {"P": "true"}, "true"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, {"P": "abc"}, "abc"),
        ({"Type": "CommaDelimitedList"}, {"P": "a, b ,c"}, ["a", "b", "c"]),
        ({"Type": "CommaDelimitedList"}, {"P": ""}, [""]),
        ({"Type": "List<String>", "Default": ""}, {}, [""]),
        ({"Type": "List<Number>", "Default": "1,2"}, {}, ["1", "2"]),
        ({"Type": "List<AWS::EC2::Subnet::Id>", "Default": "s-1"}, {}, ["s-1"]),
    ],
)
def test_value(declaration: dict[str, Any], given: dict[str, str], value: Any) -> None:
    """A value is what was given, else the default; list types become lists of strings."""
    values = resolve(declaration, **given)
    assert typed_values({"P": declaration}, values) == {"P": value}


@pytest.mark.parametrize(
    ("declaration", "given", "message"),
    [
        ({"Type": "String"}, {}, r"Parameters: \[P\] must have values"),
        ({"Type": "String", "Default": ""}, {"Q": "1"}, r"Parameters: \[Q\] do not exist in the template"),
        ({"Type": "Number"}, {"P": "one"}, "Parameter 'P' must be a number"),
        ({"Type": "Number", "MinValue": 2}, {"P": "1"}, "Parameter 'P' must be a number not less than 2"),
        ({"Type": "Number", "MaxValue": 2}, {"P": "3"}, "Parameter 'P' must be a number not greater than 2"),
        ({"Type": "List<Number>"}, {"P": "1,x"}, "Parameter 'P' must be a number"),
        ({"Type": "String", "AllowedValues": ["a"]}, {"P": "b"}, "Parameter 'P' must be one of AllowedValues"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, {"P": "abc1"}, r"Parameter 'P' must match pattern \[a-z\]\+"),
        ({"Type": "String", "MinLength": 3}, {"P": "ab"}, "Parameter 'P' must contain at least 3 characters"),
        ({"Type": "String", "MaxLength": 1}, {"P": "ab"}, "Parameter 'P' must contain at most 1 characters"),
        (
            {"Type": "String", "AllowedPattern": "a", "ConstraintDescription": "an a"},
            {"P": "b"},
            "Parameter 'P' failed to satisfy constraint: an a",
        ),
        ({"Type": "CommaDelimitedList", "Default": "", "AllowedPattern": ".+"}, {}, r"must match pattern \.\+"),
        ({"Type": "String", "MaxLength": "many"}, {"P": "x"}, "MaxLength of parameter P must be a number, not 'many'"),
        ({"Type": "Number", "MinValue": []}, {"P": "1"}, "MinValue of parameter P must be a number"),
        (
            {"Type": "String", "AllowedPattern": "["},
            {"P": "x"},
            "AllowedPattern of parameter P is no regular expression",
        ),
        ({"Type": "String", "AllowedValues": "x"}, {"P": "x"}, "AllowedValues of parameter P must be a list"),
        ({"Type": "String", "Default": ["x"]}, {}, "Every Default member must be a string"),
        ({"Type": "String", "Defualt": "x"}, {}, "Invalid template parameter property 'Defualt'"),
        ({"Type": "Number"}, {"P": "²"}, "Parameter 'P' must be a number"),
        ({"Type": "AWS::SSM::Parameter::Name"}, {"P": "/x"}, "which needs AWS. Give it type String"),
        (
            {"Type": "AWS::SSM::Parameter::Value<String>"},
            {"P": ""},
            "needs the name of a stored parameter",
        ),
    ],
)
def test_refusal(declaration: dict[str, Any], given: dict[str, str], message: str) -> None:
    """A missing, unknown or unfit value is refused in CloudFormation's words."""
    with pytest.raises(ValidationError, match=message):
        resolve(declaration, **given)


def test_previous_value_wins_over_the_default() -> None:
    """What the stack has stays when nothing is given."""
    assert resolve_parameters({"P": {"Type": "String", "Default": "d"}}, {}, {"P": "before"}) == {"P": "before"}


def test_stored_parameters() -> None:
    """A stored parameter is given by its name, and its value is what Ref returns; of a list type, a list."""
    declared = {
        "Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/tool/version"},
        "Zones": {"Type": "AWS::SSM::Parameter::Value<List<String>>"},
        "Plain": {"Type": "String", "Default": "/tool/version"},
    }
    names = resolve_parameters(declared, {"Zones": "/zones"}, {})
    assert names["Zones"] == "/zones"
    values = fetch_parameters(declared, names, {"/tool/version": "21", "/zones": "a, b"})
    assert typed_values(declared, values) == {"Version": "21", "Zones": ["a", "b"], "Plain": "/tool/version"}
    with pytest.raises(ValidationError, match=r"Unable to fetch parameters \[/tool/version, /zones\] from parameter"):
        fetch_parameters(declared, names, {})
