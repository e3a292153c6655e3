from typing import Any

import pytest

from tests.tools.sandbox.cloudformation.stories import template, thing
from tests.tools.sandbox.cloudformation.world import World
from workmail_rooms.sandbox.cloudformation import ValidationError

# As the AWS CDK writes it into every template of its default synthesizer.
BOOTSTRAPPED = {
    "CheckBootstrapVersion": {
        "Assertions": [
            {
                "Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2", "3", "4", "5"], {"Ref": "Version"}]}]},
                "AssertDescription": "CDK bootstrap stack version 6 required.",
            }
        ]
    }
}


def ruled(rules: dict[str, Any], kind: str = "String") -> dict[str, Any]:
    """Return a template with rules about one parameter."""
    return {**template(A=thing("a")), "Parameters": {"Version": {"Type": kind}}, "Rules": rules}


def test_an_assertion_is_checked_before_anything_is_created(world: World) -> None:
    """An assertion that fails refuses the deployment with its description; one that holds lets it through."""
    with pytest.raises(ValidationError, match=r"rule CheckBootstrapVersion failed: CDK bootstrap stack version 6"):
        world.deploy(ruled(BOOTSTRAPPED), {"Version": "5"})
    assert world.engine.store.live("demo") is None
    assert world.deploy(ruled(BOOTSTRAPPED), {"Version": "6"}).ok


@pytest.mark.parametrize(
    ("function", "arguments", "good", "bad"),
    [
        ("Fn::Equals", [{"Ref": "Version"}, 7], "7", "8"),
        ("Fn::Or", [{"Fn::Equals": [{"Ref": "Version"}, "1"]}, {"Fn::Equals": [{"Ref": "Version"}, "2"]}], "2", "3"),
        ("Fn::And", [{"Fn::Equals": [{"Ref": "Version"}, "1"]}, {"Fn::Equals": ["a", "a"]}], "1", "2"),
        ("Fn::EachMemberIn", [{"Fn::Split": [",", {"Ref": "Version"}]}, ["1", "2"]], "2,1", "1,3"),
        ("Fn::EachMemberEquals", [{"Fn::Split": [",", {"Ref": "Version"}]}, "1"], "1,1", "1,2"),
    ],
)
def test_functions(world: World, function: str, arguments: Any, good: str, bad: str) -> None:
    """Each function of a rule means what CloudFormation's means."""
    document = ruled({"R": {"Assertions": [{"Assert": {function: arguments}}]}})
    with pytest.raises(ValidationError, match="rule R failed"):
        world.deploy(document, {"Version": bad})
    assert world.deploy(document, {"Version": good}).ok


def test_a_rule_that_does_not_apply(world: World) -> None:
    """A rule is checked only when its condition holds."""
    never = {"Fn::Equals": ["1", "2"]}
    rules = {"R": {"RuleCondition": {"Fn::Equals": [{"Ref": "Version"}, "1"]}, "Assertions": [{"Assert": never}]}}
    assert world.deploy(ruled(rules), {"Version": "2"}).ok
    with pytest.raises(ValidationError, match="rule R failed"):
        world.deploy(ruled(rules), {"Version": "1"})


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"Assertions": [{"Assert": {"Fn::RefAll": "AWS::EC2::VPC::Id"}}]}, "uses Fn::RefAll.*The others need AWS"),
        ({"Assertions": [{"Assert": {"Fn::Contains": "x"}}]}, "needs a list of arguments"),
        ({"Assertions": [{"Assert": True}]}, "uses True"),
        ({"Assertions": [{"Assert": {}}]}, "uses {}"),
        ({"Assertions": [{}]}, "has no Assert"),
        ({}, "needs a list of Assertions"),
        ({"Assertions": [{"Assert": {"Fn::EachMemberIn": [[["a"]], [["b"]]]}}]}, "rule R failed"),
    ],
)
def test_malformed(world: World, rule: dict[str, Any], message: str) -> None:
    """A rule that is malformed, or needs AWS, is refused."""
    with pytest.raises(ValidationError, match=message):
        world.deploy(ruled({"R": rule}), {"Version": "1"})
