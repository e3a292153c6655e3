"""``python -m inventory``."""

import os
import signal

from inventory.cli import main

signal.signal(signal.SIGTERM, signal.default_int_handler)
# What was printed is flushed. Python's own end would wait for calls that other threads are still trying, and complain
# when whoever read the output has gone.
os._exit(main())
