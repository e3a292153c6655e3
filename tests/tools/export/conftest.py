"""An account from which calendars can be exported."""

import pytest

from tests.tools.world import World


@pytest.fixture
def account(account: World) -> World:
    """Make what an export needs."""
    account.prepare()
    return account
