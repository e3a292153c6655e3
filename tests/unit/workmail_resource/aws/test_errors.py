import ast
import re
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import botocore.exceptions
import botocore.session
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

import workmail_resource
from workmail_resource.aws.advice import ADVICE, advise
from workmail_resource.aws.errors import ServiceError, explain, from_boto
from workmail_resource.ownership import errors as ownership_errors
from workmail_resource.ownership.errors import LedgerUnavailableError, RepeatedFailureError
from workmail_resource.protocol import errors as protocol_errors
from workmail_resource.protocol.errors import Failure, OutOfTimeError, ProviderError, redact, redact_words, tell
from workmail_resource.settings import BadEnvironmentError
from workmail_resource.workmail import errors as workmail_errors
from workmail_resource.workmail.errors import InvalidPropertiesError, NameTakenError

MODEL = botocore.session.Session().get_service_model("workmail")
PACKAGE = Path(workmail_resource.__file__).parent


@cache
def called_operations() -> list[str]:
    """Return the WorkMail calls that the package names anywhere."""
    names = set(MODEL.operation_names)
    return sorted(
        {
            node.value
            for path in PACKAGE.rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names
        }
    )


def modelled_errors() -> Iterator[tuple[str, str]]:
    """Yield each error that each call may answer, by botocore's model of the service."""
    for operation in called_operations():
        for shape in MODEL.operation_model(operation).error_shapes:
            yield operation, shape.name


def service_error(code: str, message: str = "because", operation: str = "CreateResource") -> ServiceError:
    """Return a refusal of WorkMail's."""
    return ServiceError(
        service="workmail",
        operation=operation,
        code=code,
        message=message,
        status=400,
        request_id="call-1",
        subject="Name boardroom",
    )


def test_called_operations_are_found() -> None:
    """The calls that the next test is about are really found in the source."""
    assert {"CreateResource", "UpdateResource", "DeleteResource", "DescribeResource", "RegisterToWorkMail"} <= set(
        called_operations()
    )
    assert len(called_operations()) >= 15


@pytest.mark.parametrize(("operation", "code"), list(modelled_errors()))
def test_every_modelled_error_has_its_advice(operation: str, code: str) -> None:
    """Each error that WorkMail models for a call used here becomes its code, its cause and advice of its own."""
    failure = explain(service_error(code, "because of that", operation))
    assert code in ADVICE
    assert failure.code == code
    assert failure.cause == f"because of that ({operation} of Name boardroom)"
    assert failure.advice.startswith(ADVICE[code].rstrip("."))
    assert failure.request_id == "call-1"


def own_codes() -> dict[str, str]:
    """Return the advice of each error of our own that a Delete can end in, by its code."""
    elsewhere = {"InvalidProperties", "AdoptionRefused", "NotOwned", "ResourceGone", "UnknownPhysicalId", "Cancelled"}
    kinds = [kind for kind in ProviderError.__subclasses__() if "code" in vars(kind)]
    return {kind.code: kind.advice for kind in kinds if kind.code not in elsewhere | {"BadEnvironment"}}


@pytest.mark.parametrize(("code", "general"), sorted({**ADVICE, **own_codes()}.items()))
def test_advice_for_a_delete_is_about_deleting(code: str, general: str) -> None:
    """Who deletes is told to delete again, and never to change or deploy a template."""
    advice = advise(code, "Delete", general)
    assert not re.search(r"deploy again|Deploy again|[Dd]eclare|Choose|property|template;", advice)


@pytest.mark.parametrize("code", sorted(ADVICE))
@pytest.mark.parametrize("request_type", ["Create", "Nonsense", None, ["Delete"]])
def test_advice_for_any_other_event_is_the_general_one(code: str, request_type: object) -> None:
    """What an event is that is neither Update nor Delete makes no difference to the advice."""
    assert advise(code, request_type, ADVICE[code]) == ADVICE[code]


def test_advice_for_an_update_does_not_adopt() -> None:
    """A name that somebody has is not to be had by ADOPT in an Update, which renames a room (contract 24)."""
    assert "ADOPT" in ADVICE["NameAvailabilityException"]
    assert "ADOPT" not in advise("NameAvailabilityException", "Update", ADVICE["NameAvailabilityException"])


@pytest.mark.parametrize("code", sorted(ADVICE))
def test_advice_is_a_sentence(code: str) -> None:
    """Advice begins with a capital letter, ends with a full stop and fits into an answer with room to spare."""
    advice = ADVICE[code]
    assert advice[0].isupper()
    assert advice.endswith(".")
    assert len(advice) < 400


@pytest.mark.parametrize(
    "error",
    [
        botocore.exceptions.NoCredentialsError(),
        botocore.exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        botocore.exceptions.CredentialRetrievalError(provider="container", error_msg="404"),
        botocore.exceptions.NoRegionError(),
        botocore.exceptions.EndpointConnectionError(endpoint_url="https://workmail.ap-south-1.amazonaws.com"),
        botocore.exceptions.ConnectTimeoutError(endpoint_url="https://workmail.eu-west-1.amazonaws.com"),
        botocore.exceptions.ReadTimeoutError(endpoint_url="https://workmail.eu-west-1.amazonaws.com"),
        botocore.exceptions.ConnectionClosedError(endpoint_url="https://workmail.eu-west-1.amazonaws.com"),
        botocore.exceptions.SSLError(endpoint_url="https://workmail.eu-west-1.amazonaws.com", error=OSError("expired")),
        botocore.exceptions.HTTPClientError(error="broken"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_failures_of_botocore_have_their_advice(error: botocore.exceptions.BotoCoreError) -> None:
    """A call that never came through is told by its name and botocore's text, with advice, inside a call or not."""
    failure = explain(from_boto(error, service="workmail", operation="DescribeResource", subject="", attempts=3))
    assert failure.code == type(error).__name__
    assert failure.cause == f"{error} (DescribeResource, tried 3 times)"
    assert failure.advice == ADVICE[type(error).__name__]
    assert explain(error) == Failure(failure.code, str(error), failure.advice)


def test_unknown_error_codes_are_told_too() -> None:
    """An error that is not known today keeps its code and text, and the advice says where to look."""
    failure = explain(service_error("BrandNewException", "never seen"))
    assert failure.code == "BrandNewException"
    assert failure.cause == "never seen (CreateResource of Name boardroom)"
    assert "not known to the provider" in failure.advice


def test_a_refusal_without_a_text_is_told() -> None:
    """A service that gives no text is quoted as giving none."""
    assert explain(service_error("EntityStateException", "")).cause == "no message (CreateResource of Name boardroom)"


def test_access_denied_names_the_missing_action() -> None:
    """Where AWS does not name the missing permission, the advice does."""
    failure = explain(service_error("AccessDeniedException", "User: arn:aws:sts::1:x is not authorized"))
    assert failure.advice.endswith("for its OrganizationIds (missing: workmail:CreateResource).")


def test_access_denied_does_not_repeat_the_action() -> None:
    """Where AWS names the missing permission, the advice does not say it once more."""
    message = "User: arn:aws:sts::1:x is not authorized to perform: workmail:CreateResource on resource: *"
    assert "missing:" not in explain(service_error("AccessDeniedException", message)).advice


def test_invalid_properties_are_counted() -> None:
    """Every problem of the properties is in the cause, after their number (contract 20)."""
    one = explain(InvalidPropertiesError(["Name is required"]))
    two = explain(InvalidPropertiesError(["Name is required", "Type is required"]))
    assert one.cause == "1 problem in the properties: Name is required"
    assert two.cause == "2 problems in the properties: Name is required; Type is required"
    assert two.code == "InvalidProperties"


def test_ledger_trouble_is_told_as_such() -> None:
    """A DynamoDB failure names the table and DynamoDB's own code, so that nobody looks for it in WorkMail."""
    error = ServiceError(
        service="dynamodb",
        operation="Query",
        code="ResourceNotFoundException",
        message="no such table",
        request_id="call-2",
    )
    assert explain(LedgerUnavailableError("ledger", error)) == Failure(
        "ResourceNotFoundException",
        "the ledger, DynamoDB table ledger, could not be used: no such table (Query)",
        "Check that the table exists and that the provider's role may use it, then try again.",
        "call-2",
    )


def provider_errors() -> list[type[ProviderError]]:
    """Return every failure that the provider finds itself."""
    return [BadEnvironmentError] + [
        error
        for module in (protocol_errors, workmail_errors, ownership_errors)
        for error in vars(module).values()
        if isinstance(error, type)
        and issubclass(error, ProviderError)
        and error
        not in {ProviderError, ServiceError, InvalidPropertiesError, LedgerUnavailableError, RepeatedFailureError}
    ]


@pytest.mark.parametrize("kind", provider_errors(), ids=lambda kind: kind.__name__)
def test_own_errors_have_code_and_advice(kind: type[ProviderError]) -> None:
    """Each failure that the provider finds itself has a code of its own and says what to do."""
    failure = explain(kind("this is so"))
    assert failure == Failure(kind.code, "this is so", kind.advice)
    assert kind.code != ProviderError.code
    assert kind.advice != ProviderError.advice
    assert kind.advice.endswith(".")


def test_a_taken_name_keeps_the_request_id() -> None:
    """The call that found a name taken can be looked up by its request id."""
    assert explain(NameTakenError("taken", "call-3")).request_id == "call-3"


def test_running_out_of_time_is_told() -> None:
    """The end of Lambda's time is a cause of its own (contract 11)."""
    failure = explain(OutOfTimeError())
    assert failure.code == "TimedOut"
    assert "time was used up" in failure.cause


@pytest.mark.parametrize(
    ("error", "code", "cause"),
    [
        (KeyError("State"), "KeyError", "'State'"),
        (ValueError(), "ValueError", "no message"),
        (SystemExit(3), "SystemExit", "3"),
        (SystemExit(), "SystemExit", "no message"),
        (RecursionError("too deep"), "RecursionError", "too deep"),
    ],
)
def test_everything_else_is_told(error: BaseException, code: str, cause: str) -> None:
    """Even what nobody has foreseen becomes a code, a cause and advice (contract 5)."""
    assert explain(error) == Failure(code, cause, ProviderError.advice)


def test_tell_begins_with_the_code_and_ends_with_the_ids() -> None:
    """A Reason is code, cause, advice; then the call's request id and the log stream (contract 5)."""
    head, tail = tell(
        Failure("SomeException", "it is so", "Do that.", "call-1"), lambda_request_id="lambda-1", log_stream="stream"
    )
    assert head == "SomeException: it is so. Do that."
    assert tail == " (request ID: call-1; log stream: stream)"


def test_tell_names_the_lambda_request_without_a_call() -> None:
    """A failure without a call is found by Lambda's request id (contract 5)."""
    _, tail = tell(Failure("X", "it is so", "Do that."), lambda_request_id="lambda-1", log_stream="stream")
    assert tail == " (Lambda request ID: lambda-1; log stream: stream)"


@pytest.mark.parametrize("cause", ["it is so.", "it is so!", "is it so?"])
def test_tell_does_not_end_a_sentence_twice(cause: str) -> None:
    """A cause that is a whole sentence gets no second full stop."""
    head, _ = tell(Failure("X", cause, "Do that."), lambda_request_id="1", log_stream="s")
    assert head == f"X: {cause} Do that."


def test_redact_replaces_the_longest_first() -> None:
    """A secret that is part of another does not spoil it, and leaves no rest of it (contract 38)."""
    assert redact("see https://x/?sig=abc or sig=abc", ["sig=abc", "https://x/?sig=abc"]) == "see *** or ***"


@settings(deadline=None)
@given(st.text(), st.lists(st.text(alphabet="abc", max_size=4)), st.text(alphabet="abc", min_size=1, max_size=6))
def test_redact_leaves_no_secret(text: str, others: list[str], secret: str) -> None:
    """No text holds a secret afterwards, whatever the other secrets are (contract 38)."""
    assert secret not in redact(f"{text}{secret}{text}", [secret, *others])


def test_redact_without_secrets_changes_nothing() -> None:
    """Without secrets, or with empty ones, a text stays as it is."""
    assert redact("as it is", []) == redact("as it is", [""]) == "as it is"


@pytest.mark.parametrize(
    ("text", "words", "left"),
    [
        ("'merger talks' is refused", "merger talks", "'***' is refused"),
        ("merger talks, merger talks.", "merger talks", "***, ***."),
        # Whole words only
        ("CreateResource of boardrooms", "boardroom", "CreateResource of boardrooms"),
        ("boardroom_1 is taken", "boardroom", "boardroom_1 is taken"),
        # Words of less than six letters are in every message.
        ("8 of 8 rooms, each with a name", "8", "8 of 8 rooms, each with a name"),
        ("a room", "room", "a room"),
        # What begins or ends with another character than a letter has no boundary there.
        ("see x(secret)y", "(secret)", "see x***y"),
        ("", "secret", ""),
    ],
)
def test_redact_words_takes_whole_words_only(text: str, words: str, left: str) -> None:
    """In what somebody else has worded, a confidential text is replaced where it stands by itself (contract 38)."""
    assert redact_words(text, [words]) == left


@settings(deadline=None)
@given(st.text(), st.text(), st.text(min_size=6))
def test_redact_words_leaves_none_between_blanks(before: str, after: str, words: str) -> None:
    """Whatever its characters are, a text of six of them and more is replaced (contract 38)."""
    assert words not in redact_words(f"{before} {words} {after}", [words]) or words in f"{before} *** {after}"


def test_what_others_say_is_cleaned_and_what_we_say_is_not() -> None:
    """A service's message loses what is confidential; our words about the same call keep it, as its code does."""
    refusal = ClientError({"Error": {"Code": "CreateResource", "Message": "no CreateResource"}}, "CreateResource")
    clean = partial(redact_words, confidential=["CreateResource"])
    error = from_boto(
        refusal, service="workmail", operation="CreateResource", subject="Name x", attempts=1, clean=clean
    )
    failure = explain(error, clean)
    assert (failure.code, failure.cause) == ("CreateResource", "no *** (CreateResource of Name x)")
    assert explain(ValueError("CreateResource"), clean).cause == "***"


def test_from_boto_takes_what_the_service_said() -> None:
    """Code, text, status and request id of a refusal are the service's own."""
    refusal = ClientError(
        {
            "Error": {"Code": "EntityStateException", "Message": "not now"},
            "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "call-1"},  # type: ignore[typeddict-item] # the rest is not read
        },
        "DeleteResource",
    )
    error = from_boto(refusal, service="workmail", operation="DeleteResource", subject=f"resource {1}", attempts=2)
    assert (error.code, error.message, error.status, error.request_id) == (
        "EntityStateException",
        "not now",
        400,
        "call-1",
    )
    assert (error.service, error.operation, error.subject, error.attempts) == (
        "workmail",
        "DeleteResource",
        "resource 1",
        2,
    )


def test_from_boto_of_a_reply_without_a_body() -> None:
    """A refusal that says nothing still has a code and a text."""
    error = from_boto(ClientError({}, "DeleteResource"), service="w", operation="o", subject="", attempts=1)
    assert error.code == "ClientError"
    assert error.message
    assert error.status == 0
