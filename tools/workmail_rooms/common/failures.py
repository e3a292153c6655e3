"""What went wrong, and what to do about it, for the person at the terminal."""

from collections.abc import Sequence
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

#: The codes under which AWS services refuse a permission.
DENIED: Final = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"})

_SIGN_IN: Final = "Sign in again (aws configure, or aws sso login), or give another --profile."
_NETWORK: Final = "Check the network and the proxy, and AWS_ENDPOINT_URL_WORKMAIL if it is set."
_LATER: Final = "Try again later."

_ADVICE: Final = {
    "OrganizationNotFoundException": "Check --organization-id, and that --profile and --region are the organization's.",
    "OrganizationStateException": "Only an active organization can be read.",
    "NoCredentialsError": _SIGN_IN,
    "PartialCredentialsError": _SIGN_IN,
    "CredentialRetrievalError": _SIGN_IN,
    "TokenRetrievalError": _SIGN_IN,
    "SSOTokenLoadError": _SIGN_IN,
    "UnauthorizedSSOTokenError": _SIGN_IN,
    "LoginRefreshRequired": _SIGN_IN,
    "ExpiredTokenException": _SIGN_IN,
    "UnrecognizedClientException": _SIGN_IN,
    "InvalidClientTokenId": _SIGN_IN,
    "InvalidSignatureException": _SIGN_IN,
    "ProfileNotFound": "Check --profile and AWS_PROFILE; `aws configure list-profiles` shows those there are.",
    "EndpointConnectionError": _NETWORK,
    "ConnectTimeoutError": _NETWORK,
    "ProxyConnectionError": _NETWORK,
    "ConnectionClosedError": _NETWORK,
    "ReadTimeoutError": _NETWORK,
    "SSLError": "Check the certificates that are trusted (AWS_CA_BUNDLE), and any proxy between.",
    "ThrottlingException": f"WorkMail limits the rate of calls, and went on refusing. {_LATER}",
    "TooManyRequestsException": f"WorkMail limits the rate of calls, and went on refusing. {_LATER}",
}


def code_of(error: ClientError) -> str:
    """Return the service's error code."""
    return str(error.response.get("Error", {}).get("Code", ""))


def explain(error: ClientError | BotoCoreError, *, task: str, permissions: Sequence[str]) -> str:
    """Word a failure: what it was, where, and what to do.

    Parameters
    ----------
    task:
        What was to be done, as a noun.
    permissions:
        All that it needs, each as ``service:Operation``.
    """
    if not isinstance(error, ClientError):
        name = type(error).__name__
        return " ".join(filter(None, [f"{name}: {_sentence(str(error))}", _ADVICE.get(name, "")]))
    code = code_of(error)
    message = error.response.get("Error", {}).get("Message") or "no message"
    advice = _ADVICE.get(code, _LATER)
    if code in DENIED:
        operation = error.operation_name
        missing = next((one for one in permissions if one.endswith(f":{operation}")), f"workmail:{operation}")
        advice = f"The permission {missing} is missing; {task} needs {', '.join(permissions)}."
    return f"{code} on {error.operation_name}: {_sentence(message)} {advice}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
