import pytest

from tests.unit.workmail_resource.scripted import MakeScripted
from tests.unit.workmail_resource.support import DELEGATE, METADATA, ORGANIZATION, event
from workmail_resource.aws.errors import ServiceError
from workmail_resource.lifecycle.steps import best_effort, is_refusal, wanted
from workmail_resource.workmail.errors import UnknownDelegateError
from workmail_resource.workmail.plan import Step
from workmail_resource.workmail.properties import Declaration

DECLARATION = Declaration(ORGANIZATION, "boardroom", "ROOM", email="boardroom@example.com")


def failure(code: str, status: int = 400) -> ServiceError:
    """Return a refusal of WorkMail's."""
    return ServiceError(service="workmail", operation="UpdateResource", code=code, message="no", status=status)


@pytest.mark.parametrize("rollback", [False, True])
def test_wanted_names_a_delegate_that_nobody_is(scripted: MakeScripted, *, rollback: bool) -> None:
    """A delegate that does not exist is named; a rollback does without (contract 53)."""
    world = scripted(event())
    for operation in ("describe_user", "describe_group"):
        world.workmail.refuses(operation, "EntityNotFoundException")
    workmail, declaration = world.work.workmail(ORGANIZATION), DECLARATION._replace(delegates=("nobody", DELEGATE))
    if rollback:
        goal = wanted(workmail, declaration, without=lambda delegate: delegate == "nobody")
        assert goal.delegates == {DELEGATE}
    else:
        with pytest.raises(UnknownDelegateError, match="nobody, which is no user or group of organization m-"):
            wanted(workmail, declaration)


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (failure("InvalidParameterException"), True),
        (failure("EntityNotFoundException"), True),
        (failure("SomethingNewException"), True),
        (failure("AccessDeniedException"), False),
        (failure("OrganizationStateException"), False),
        (failure("OrganizationNotFoundException"), False),
        (failure("TooManyRequestsException", 429), False),
        (failure("InternalFailure", 500), False),
    ],
)
def test_is_refusal(scripted: MakeScripted, error: ServiceError, *, refused: bool) -> None:
    """Done without is what WorkMail refuses for what it asks, not what it could not be asked (contracts 53 and 55)."""
    world = scripted(event())
    assert is_refusal(error) is refused
    judge = best_effort(world.work, "not wholly")
    assert judge(Step("UpdateResource", METADATA, "Name x"), error) == ("SKIP" if refused else "FAIL")
    assert world.told == (["not wholly"] if refused else [])
