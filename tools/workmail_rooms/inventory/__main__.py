"""``python -m workmail_rooms.inventory``."""

import os
import signal

from workmail_rooms.inventory.cli import main

# Ctrl-C too: a shell's background job would ignore it.
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.default_int_handler)
# What was printed is flushed. Python's own end would wait for calls that other threads are still trying, and complain
# when whoever read the output has gone.
os._exit(main())
