"""Credentials, Region and client, as the AWS CLI finds them."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient

_Mode = Literal["adaptive", "legacy"]

#: ``adaptive`` slows this client down as soon as WorkMail throttles, instead of only trying again. It retries
#: LimitExceededException too, which no read answers.
#: https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html
_RETRIES: Final[_Mode] = "adaptive"

#: Calls at the same time. WorkMail's rate is not published; most of a call's time is the way there and back.
WORKERS: Final = 4

#: Tries of a call while reading: about a minute and a half of waiting before the work of many minutes is given up.
_PATIENT: Final = 10
#: Tries of the first call, which finds out that there is no network.
_BRISK: Final = 3


class UnusableRegionError(Exception):
    """There is no Region, or WorkMail is not in it. The message says what to do."""


class Connection:
    """Makes clients for WorkMail.

    Parameters
    ----------
    profile, region:
        Of the command line; None for those of the environment and of the AWS configuration.
    environment:
        The process's variables.
    workmail:
        Whether WorkMail has to be in the Region; otherwise only other services are used there.

    Raises
    ------
    UnusableRegionError
        See there.
    botocore.exceptions.BotoCoreError
        The AWS configuration cannot be used.
    """

    def __init__(
        self,
        *,
        profile: str | None,
        region: str | None,
        environment: Mapping[str, str] = os.environ,
        workmail: bool = True,
    ) -> None:
        # The AWS CLI takes AWS_REGION before AWS_DEFAULT_REGION and the profile's Region; boto3 does not know it.
        region = region or environment.get("AWS_REGION") or None
        self._session = boto3.Session(profile_name=profile, region_name=region)
        self.region = self._session.region_name
        if not workmail:
            if not self.region:
                raise UnusableRegionError("No Region is set: give --region, or set AWS_REGION.")
            return
        regions = self._session.get_available_regions("workmail")
        where = f"WorkMail is in {', '.join(sorted(regions))}"
        if not self.region:
            raise UnusableRegionError(f"No Region is set. {where}: give --region, or set AWS_REGION.")
        host = urlsplit(self.brisk().meta.endpoint_url).hostname or ""
        # A Region of the future, or another endpoint, is the user's business.
        if self.region not in regions and host == f"workmail.{self.region}.amazonaws.com":
            raise UnusableRegionError(f"WorkMail is not in {self.region}. {where}: give --region.")

    def brisk(self) -> "WorkMailClient":
        """Return a client for a first call, which fails soon."""
        return self._client(_BRISK)

    def patient(self) -> "WorkMailClient":
        """Return a client for many calls, which does not give up easily."""
        return self._client(_PATIENT)

    def single(self) -> "WorkMailClient":
        """Return a client that tries each call once, for whoever has to see every answer."""
        return self._client(1)

    def starting_jobs(self) -> "WorkMailClient":
        """Return a client for jobs: unlike the others, it lets LimitExceededException through at once.

        botocore's ``legacy`` mode does not count it as throttling.
        """
        return self._client(_PATIENT, mode="legacy")

    def service(self, name: str, *, patient: bool = False) -> Any:
        """Return a client of another service in the same Region, which fails soon unless it has to be *patient*."""
        # The types have one overload for each service, and none for a name.
        session: Any = self._session
        return session.client(name, config=_config(_PATIENT if patient else _BRISK, _RETRIES))

    def _client(self, attempts: int, mode: _Mode = _RETRIES) -> "WorkMailClient":
        return self._session.client("workmail", config=_config(attempts, mode))


def _config(attempts: int, mode: _Mode) -> Config:
    return Config(
        retries={"mode": mode, "total_max_attempts": attempts},
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=WORKERS,
        user_agent_extra="workmail-rooms",
    )
