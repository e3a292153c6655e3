"""The AWS settings of whoever runs the tests, which no test may see."""

import os
from collections.abc import Mapping

import pytest

#: Of nobody's account.
_MADE_UP = {
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLETESTING00",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def use_made_up_settings(monkeypatch: pytest.MonkeyPatch, others: Mapping[str, str] | None = None) -> None:
    """Take the machine's own AWS settings away, and set made-up ones, and *others* beside or instead."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {**_MADE_UP, **(others or {})}.items():
        monkeypatch.setenv(name, value)
