"""Files that say how the embedded WorkMail behaves: ``behaviour.json``, which ``workmail-rooms probe`` writes."""

import json
from pathlib import Path

from workmail_rooms.sandbox.workmail.behaviour import Behaviour


class BehaviourFileError(Exception):
    """The file says nothing that the embedded WorkMail can do. The message names the file and what is wrong."""


def load(path: Path) -> Behaviour:
    """Read a file of settings: a JSON object of switches; a switch that is absent has its default.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Behaviour
        What `WorkMailBackend.behaviour` takes.

    Raises
    ------
    BehaviourFileError
        The file cannot be read, is no JSON object, or has a switch or a value that is not known.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BehaviourFileError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error
    except ValueError as error:
        raise BehaviourFileError(f"{path} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise BehaviourFileError(f"{path} has no JSON object; give one of switches, as `workmail-rooms probe` writes.")
    try:
        return Behaviour.restore(content)
    except ValueError as error:
        raise BehaviourFileError(f"{path}: {error}") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise BehaviourFileError(f"{path}: a value has another type than its switch: {error}") from error
