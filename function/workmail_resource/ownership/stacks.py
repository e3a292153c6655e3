"""CloudFormation, asked which resource a stack counts as its own (contract 59), and what the stack does.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
"""

from typing import Any, Final

from workmail_resource.aws.calls import Caller, Log
from workmail_resource.aws.errors import ServiceError

from .rules import StackView, stack_of

#: Seconds in which CloudFormation has to answer.
PATIENCE: Final = 10.0

_NO_SUCH: Final = "ValidationError"
#: What the status of a stack has in it that is rolled back.
_ROLLBACK: Final = "ROLLBACK"


class Stacks:
    """Reads stacks, and single resources of them.

    Parameters
    ----------
    caller:
        Of ``cloudformation``.
    log:
        Told why CloudFormation could not be asked.
    """

    def __init__(self, caller: Caller, log: Log) -> None:
        self._caller = caller
        self._log = log

    def view(self, owner: str) -> StackView | None:
        """Return what CloudFormation shows of a logical resource; None when it cannot be asked.

        A stack that was deleted is described by its id for 90 days, and unknown after that.
        """
        stack_id, _, logical_id = owner.rpartition("|")
        parameters = {"StackName": stack_id, "LogicalResourceId": logical_id}
        try:
            response = self._within().call("DescribeStackResource", parameters, subject=f"resource {logical_id}")
        except ServiceError as error:
            if error.code == _NO_SUCH and "does not exist" in error.message:
                return StackView(in_stack=error.message.startswith("Resource "))
            self._log("CloudFormation could not be asked about a resource", error_code=error.code)
            return None
        detail = response["StackResourceDetail"]
        return StackView(detail.get("PhysicalResourceId", ""), detail.get("ResourceStatus", ""))

    def rolls_back(self, owner: str) -> bool | None:
        """Tell whether CloudFormation rolls the stack of a logical resource back; None when it cannot be asked."""
        status = self.status(owner)
        return None if status is None else _ROLLBACK in status

    def status(self, owner: str) -> str | None:
        """Return the status of the stack of a logical resource; None when CloudFormation cannot be asked."""
        stack = self._stack(owner)
        return None if stack is None else str(stack["StackStatus"])

    def began_at(self, owner: str) -> int | None:
        """Return when the stack of a logical resource was last begun to be created or updated.

        In seconds since the epoch; None when CloudFormation cannot be asked. AWS documents LastUpdatedTime as the time
        of the last update, not whether of its beginning or its end. Of its end, it would be that of the update before,
        which tells what was made in this operation from what was made earlier just as well.
        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html
        """
        stack = self._stack(owner)
        return None if stack is None else int(stack.get("LastUpdatedTime", stack["CreationTime"]).timestamp())

    def _stack(self, owner: str) -> dict[str, Any] | None:
        try:
            response = self._within().call("DescribeStacks", {"StackName": stack_of(owner)}, subject="the stack")
        except ServiceError as error:
            self._log("CloudFormation could not be asked about a stack", error_code=error.code)
            return None
        stack: dict[str, Any] = response["Stacks"][0]
        return stack

    def _within(self) -> Caller:
        return self._caller.within(self._caller.deadline.within(PATIENCE))
