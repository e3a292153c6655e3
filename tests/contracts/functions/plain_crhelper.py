"""The provider's lifecycle on plain crhelper, written as crhelper's own README shows it.

The contract tests can be run against this handler (``pytest --plain-crhelper tests/contracts``), to see that they are
able to fail.
"""

import os
import random
from functools import partial
from typing import Any

import botocore.session
from crhelper import CfnResource

from workmail_resource.aws.calls import Caller
from workmail_resource.aws.clients import CLIENT_CONFIG
from workmail_resource.lifecycle.create import create
from workmail_resource.lifecycle.delete import delete
from workmail_resource.lifecycle.turn import Turn
from workmail_resource.lifecycle.update import update
from workmail_resource.lifecycle.work import Work
from workmail_resource.ownership.ledger import Ledger
from workmail_resource.ownership.stacks import Stacks
from workmail_resource.protocol.clock import Deadline, SystemClock
from workmail_resource.protocol.custom_resource import LambdaContext
from workmail_resource.protocol.event import read
from workmail_resource.settings import Settings
from workmail_resource.workmail.api import WorkMail

# With crhelper's default of 120 s every Delete would take two minutes, and so would every test of one.
helper = CfnResource(sleep_on_delete=int(os.environ.get("SLEEP_ON_DELETE", "0")))

try:
    settings = Settings.of(os.environ)
except Exception as error:  # noqa: BLE001 - as in crhelper's README
    helper.init_failure(error)


def _work(event: dict[str, Any], context: LambdaContext) -> Work:
    clock = SystemClock()
    rng = random.Random()  # noqa: S311 - for jitter
    session = botocore.session.Session()
    deadline = Deadline(clock, clock.monotonic() + context.get_remaining_time_in_millis() / 1000)

    def caller(service: str, region: str | None) -> Caller:
        client = session.create_client(service, region_name=region, config=CLIENT_CONFIG)
        return Caller(lambda _seconds: client, deadline=deadline, rng=rng, log=_ignore)

    request = read(event)
    ledger = Ledger(caller("dynamodb", None), settings.ledger_table, clock)
    return Work(
        event=request,
        ledger=ledger,
        stacks=Stacks(caller("cloudformation", None), _ignore),
        organization=partial(WorkMail, caller("workmail", settings.workmail_region)),
        deadline=deadline,
        clock=clock,
        report_id=_ignore,
        log=_ignore,
        turn=Turn(
            request,
            ledger,
            closing=ledger,
            worker=f"{rng.getrandbits(64):016x}",
            clock=clock,
            deadline=deadline,
            rng=rng,
            log=_ignore,
        ),
        come_again=_ignore,
    )


def _ignore(*_args: object, **_keys: object) -> None:
    pass


@helper.create
def _create(event: dict[str, Any], context: LambdaContext) -> str:
    work = _work(event, context)
    try:
        result = create(work)
    finally:
        work.turn.release()
    helper.Data.update(result.data)
    return result.physical_id


@helper.update
def _update(event: dict[str, Any], context: LambdaContext) -> str:
    work = _work(event, context)
    try:
        result = update(work)
    finally:
        work.turn.release()
    helper.Data.update(result.data)
    return result.physical_id


@helper.delete
def _delete(event: dict[str, Any], context: LambdaContext) -> str | None:
    # Nothing, but for sabotage.py.
    work = _work(event, context)
    try:
        outcome: str | None = delete(  # type: ignore[func-returns-value] # see above
            work, abandon=settings.abandon_on_delete
        )
    finally:
        work.turn.release()
    return outcome


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Answer one CloudFormation event."""
    helper(event, context)
