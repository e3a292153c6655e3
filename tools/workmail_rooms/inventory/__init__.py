"""Existing rooms and equipment, read from WorkMail and written as templates that adopt them, or as data. Only reads."""

import sys
from pathlib import Path

# What can be declared is decided by the function's own modules; its package is deployed, and not installed here.
_FUNCTION = str(Path(__file__).resolve().parents[3] / "function")
if _FUNCTION not in sys.path:
    sys.path.append(_FUNCTION)
