"""The example of the AWS CDK, synthesized."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.documents import ROOT

#: Of the template in the folder.
TEMPLATE = "rooms.template.json"

NODE = shutil.which("node")


def synthesize(folder: Path) -> None:
    """Let the app write what ``cdk synth`` makes of it: it sets the same variable."""
    environment = {**os.environ, "CDK_OUTDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    made = subprocess.run(
        [sys.executable, "-W", "error", "app.py"],
        cwd=ROOT / "examples/cdk",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    # On stderr, jsii may complain about the node.
    assert made.returncode == 0, made.stderr
