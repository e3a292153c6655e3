"""The clients of AWS services, made when they are first used."""

from functools import cache
from typing import Any, Final

import boto3
from botocore.config import Config

#: Seconds to connect, and to wait for a reply: first the patient ones, then those for a call that has less time.
TIMEOUTS: Final = ((5, 20), (2, 6), (1, 1))


def config(connect_timeout: int, read_timeout: int) -> Config:
    """Return a client's configuration: one try a call, within these seconds."""
    return Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        max_pool_connections=1,
    )


#: What nearly every call is made with.
CLIENT_CONFIG: Final = config(*TIMEOUTS[0])


def client(service: str, region: str | None, seconds: float) -> Any:
    """Return the client of a service, for a call that has so much time.

    A call that hangs must not outlast its event, whose answer is due. botocore fixes the timeouts when a client is
    made, so late calls get a client of their own.

    Parameters
    ----------
    service:
        ``workmail`` or ``dynamodb``.
    region:
        None for the function's own.
    seconds:
        What is left for the call. Below the shortest timeouts it is those all the same.
    """
    return _client(service, region, *next((pair for pair in TIMEOUTS if sum(pair) <= seconds), TIMEOUTS[-1]))


@cache
def _client(service: str, region: str | None, connect_timeout: int, read_timeout: int) -> Any:
    """Make the client: the only thing that a warm process keeps from one event to the next.

    Making the two takes about as long as all calls of an event. A client holds the service's model, the credentials of
    the function's role, which Lambda sets once for each process, and open connections; nothing of an event. It is made
    at the first call, so that an import makes none, and a failure to make it is not kept.
    https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html
    """
    settings = config(connect_timeout, read_timeout)
    return _session().client(service, region_name=region, config=settings)


@cache
def _session() -> Any:
    """Make the session: the clients of one share the data that botocore reads for all of them."""
    return boto3.session.Session()


def forget_clients() -> None:
    """Forget the clients of this process, for tests that change its environment."""
    _client.cache_clear()
    _session.cache_clear()
