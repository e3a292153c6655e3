"""The function's environment variables, which the provider stack's template sets."""

from collections.abc import Mapping
from dataclasses import dataclass

from .protocol.errors import ProviderError


class BadEnvironmentError(ProviderError):
    """The function's own settings are unusable."""

    code = "BadEnvironment"
    advice = "Deploy the provider stack again from its template, which sets the function's environment."


@dataclass(frozen=True, slots=True)
class Settings:
    """What the provider stack's parameters say.

    Attributes
    ----------
    ledger_table:
        The DynamoDB table's name (``LEDGER_TABLE``).
    workmail_region:
        Where the organizations are (``WORKMAIL_REGION``); stacks may be anywhere.
    abandon_on_delete:
        Answer Delete without calling WorkMail (``ABANDON_ON_DELETE``).
    sam_local:
        Whether the AWS SAM CLI runs the function on a developer's machine (``AWS_SAM_LOCAL``).
    """

    ledger_table: str
    workmail_region: str
    abandon_on_delete: bool
    sam_local: bool

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Read *environment*.

        Raises
        ------
        BadEnvironmentError
            Naming every variable that is missing or wrong.
        """
        problems = [f"{name} is not set" for name in ("LEDGER_TABLE", "WORKMAIL_REGION") if not environment.get(name)]
        abandon = environment.get("ABANDON_ON_DELETE", "false").lower()
        if abandon not in {"true", "false"}:
            problems.append("ABANDON_ON_DELETE is neither true nor false")
        if problems:
            raise BadEnvironmentError("; ".join(problems))
        return cls(
            ledger_table=environment["LEDGER_TABLE"],
            workmail_region=environment["WORKMAIL_REGION"],
            abandon_on_delete=abandon == "true",
            sam_local=bool(environment.get("AWS_SAM_LOCAL")),
        )
