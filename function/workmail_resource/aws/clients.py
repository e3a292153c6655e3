"""The clients of AWS services, made when they are first used."""

from functools import cache
from typing import Any, Final

import botocore.session
from botocore.config import Config

#: One try a call; seconds to connect and to wait for a reply, well under any Lambda timeout.
CLIENT_CONFIG: Final = Config(
    retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=5, read_timeout=20, max_pool_connections=1
)


@cache
def client(service: str, region: str | None) -> Any:
    """Return the client of a service: the only thing that a warm process keeps from one event to the next.

    Making the two takes about as long as all calls of an event. A client holds the service's model, the credentials of
    the function's role, which Lambda sets once for each process, and open connections; nothing of an event. It is made
    at the first call, so that an import makes none, and a failure to make it is not kept.
    https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html

    Parameters
    ----------
    service:
        ``workmail`` or ``dynamodb``.
    region:
        None for the function's own.
    """
    return botocore.session.Session().create_client(service, region_name=region, config=CLIENT_CONFIG)
