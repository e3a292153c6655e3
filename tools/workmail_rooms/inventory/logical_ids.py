"""Logical IDs: readable, and decided by the name with which a room is first declared.

CloudFormation takes another logical ID for another resource. So an ID that also depended on the rest of the
organization would rename rooms when one is added; and a room that is renamed keeps the ID under which it is declared
(:mod:`.existing`).
"""

import hashlib
import re
from collections.abc import Collection
from typing import Final

#: Names that no other name shares its ID with: lower-case words, each begun by a letter. The last part keeps what looks
#: like the end of the other form out.
_PLAIN: Final = re.compile(r"(?!.*x[0-9a-f]{8}$)[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")

#: Plain names that some reader of YAML takes for a boolean or null (https://yaml.org/type/bool.html).
_YAML_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def logical_id(name: str) -> str:
    """Return the logical ID of the resource with this name.

    A plain name becomes its words, each with a capital: ``board-room`` becomes ``BoardRoom``. Of any other name, its
    letters and digits are followed by ``X`` and 8 hexadecimal digits that stand for the rest: ``room-01-02`` and
    ``room.0102`` are both ``Room0102X...``, with different digits.

    Parameters
    ----------
    name:
        Of at most 20 characters, so that the ID stays far below CloudFormation's 255
        (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resources-section-structure.html).
    """
    words = re.findall(r"[A-Za-z0-9]+", name)
    readable = "".join(word[0].upper() + word[1:] for word in words)
    if _PLAIN.fullmatch(name) and name not in _YAML_WORDS:
        return readable
    digits = hashlib.sha256(name.encode()).hexdigest()[:8]
    # Not begun by a digit, so that no reader of YAML takes the ID for a number.
    return f"{'' if readable[:1].isalpha() else 'N'}{readable}X{digits}"


def logical_id_beside(wanted: str, resource_id: str, taken: Collection[str]) -> str:
    """Return *wanted*, or an ID made of it if a room that once had this name has it still.

    Parameters
    ----------
    resource_id:
        Of the room that needs the ID; decides how a taken one goes on.
    taken:
        The logical IDs of rooms that are declared already.
    """
    if wanted not in taken:
        return wanted
    return f"{wanted}R{hashlib.sha256(resource_id.encode()).hexdigest()[:8]}"
