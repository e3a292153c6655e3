"""Amazon WorkMail as a moto backend, which moto itself does not have.

After `register`, ``mock_aws`` and a moto server both serve it. Everything a test may want to set is on
``workmail_backends[account_id][region]``, a `WorkMailBackend`.
"""

import re
import sys

from moto import backend_index

from .behaviour import Behaviour, ExportJobs
from .calls import Call
from .exceptions import WorkMailError
from .faults import Fault, RateLimit
from .models import WorkMailBackend, workmail_backends
from .organization import Organization

__all__ = [
    "Behaviour",
    "Call",
    "ExportJobs",
    "Fault",
    "Organization",
    "RateLimit",
    "WorkMailBackend",
    "WorkMailError",
    "register",
    "workmail_backends",
]


def register() -> None:
    """Let moto serve WorkMail. Call it before ``mock_aws`` starts or a server is made; again is harmless."""
    # moto finds a service in two steps and offers no other way in: a URL pattern gives a service its name
    # (backend_index), and the module moto.NAME has NAME_backends (backends.get_backend by importlib, which asks
    # sys.modules first).
    sys.modules["moto.workmail"] = sys.modules[__name__]
    if all(name != "workmail" for name, _ in backend_index.backend_url_patterns):
        backend_index.backend_url_patterns.append(
            ("workmail", re.compile(r"https?://workmail\.(.+)\.amazonaws\.com")),
        )
