"""The example of the AWS CDK, synthesized."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.documents import ROOT

NODE = shutil.which("node")


def synthesize(folder: Path) -> Path:
    """Return the template that ``cdk synth`` makes of the app: it sets the same variable."""
    environment = {**os.environ, "CDK_OUTDIR": str(folder / "cdk.out"), "PYTHONDONTWRITEBYTECODE": "1"}
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
    return folder / "cdk.out" / "rooms.template.json"
