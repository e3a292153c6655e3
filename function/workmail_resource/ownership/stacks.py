"""CloudFormation, asked which resource a stack counts as its own (contract 59).

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html
"""

from typing import Final

from workmail_resource.aws.calls import Caller, Log
from workmail_resource.aws.errors import ServiceError

from .rules import StackView

#: Seconds in which CloudFormation has to answer.
PATIENCE: Final = 10.0

_NO_SUCH: Final = "ValidationError"


class Stacks:
    """Reads single resources of stacks.

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
        caller = self._caller.within(self._caller.deadline.within(PATIENCE))
        try:
            response = caller.call("DescribeStackResource", parameters, subject=f"resource {logical_id}")
        except ServiceError as error:
            if error.code == _NO_SUCH and "does not exist" in error.message:
                return StackView()
            self._log("CloudFormation could not be asked about a resource", error_code=error.code)
            return None
        detail = response["StackResourceDetail"]
        return StackView(detail.get("PhysicalResourceId", ""), detail.get("ResourceStatus", ""))
