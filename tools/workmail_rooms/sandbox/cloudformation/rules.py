"""The Rules section: assertions about parameters, checked before anything is created.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator, Scope
from workmail_rooms.sandbox.cloudformation.scalars import stringify


def check_rules(rules: Mapping[str, Any], scope: Scope) -> None:
    """Check every rule that applies.

    Raises
    ------
    ValidationError
        An assertion fails, or a rule uses a function that needs AWS. CloudFormation's own words for a failed assertion
        are not public; the AssertDescription is quoted as it does.
    """
    reader = _Reader(Evaluator(scope))
    for name, rule in rules.items():
        if not isinstance(rule, dict) or not isinstance(rule.get("Assertions"), list):
            raise ValidationError(f"Template format error: Rule {name} needs a list of Assertions")
        if "RuleCondition" in rule and not reader.holds(name, rule["RuleCondition"]):
            continue
        for assertion in rule["Assertions"]:
            if not isinstance(assertion, dict) or "Assert" not in assertion:
                raise ValidationError(f"Template format error: an assertion of rule {name} has no Assert")
            if not reader.holds(name, assertion["Assert"]):
                told = assertion.get("AssertDescription") or assertion["Assert"]
                raise ValidationError(f"Template validation error: rule {name} failed: {told}")


class _Reader:
    """Works out the rule-specific functions.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-rules.html
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._functions: dict[str, Callable[[str, list[Any]], bool]] = {
            "Fn::And": lambda rule, parts: all(self.holds(rule, part) for part in parts),
            "Fn::Contains": lambda _, parts: self._value(parts[1]) in self._values(parts[0]),
            "Fn::EachMemberEquals": lambda _, parts: all(
                item == self._value(parts[1]) for item in self._values(parts[0])
            ),
            "Fn::EachMemberIn": lambda _, parts: all(item in self._values(parts[1]) for item in self._values(parts[0])),
            "Fn::Equals": lambda _, parts: bool(self._value(parts[0]) == self._value(parts[1])),
            "Fn::Not": lambda rule, parts: not self.holds(rule, parts[0]),
            "Fn::Or": lambda rule, parts: any(self.holds(rule, part) for part in parts),
        }

    def holds(self, rule: str, expression: Any) -> bool:
        """Return whether *expression* is true."""
        function, arguments = next(iter(expression.items()), ("", None)) if isinstance(expression, dict) else ("", None)
        if function not in self._functions:
            raise ValidationError(
                f"Rule {rule} uses {function or expression}; here its functions are "
                f"[{', '.join(self._functions)}]. The others need AWS."
            )
        least = 1 if function in {"Fn::And", "Fn::Not", "Fn::Or"} else 2
        if not isinstance(arguments, list) or len(arguments) < least:
            raise ValidationError(f"Template format error: {function} of rule {rule} needs a list of arguments")
        return self._functions[function](rule, arguments)

    def _value(self, expression: Any) -> Any:
        return stringify(self._evaluator.evaluate(expression))

    def _values(self, expression: Any) -> list[Any]:
        value = self._value(expression)
        return value if isinstance(value, list) else [value]
