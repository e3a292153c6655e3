"""The version in the outputs of the provider's template, which no expression of CloudFormation could read."""

import re
from typing import Final

from workmail_resource import __version__

_OUTPUT: Final = re.compile(r'(?<=^  Version:\n)((?:    .*\n)*?    Value: )"[^"]*"', re.MULTILINE)


def fill(template: str, version: str = __version__) -> str:
    """Return the text of *template* with *version* in its output; by default the present one.

    Raises
    ------
    ValueError
        It has no such output.
    """
    filled, count = _OUTPUT.subn(rf'\g<1>"{version}"', template)
    if count != 1:
        raise ValueError("template.yaml has no output Version with a Value in quotation marks")
    return filled
