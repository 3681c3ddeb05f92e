"""An engine that starts a daemon when it is opened: forked twice, in a session of its own, with nothing left open."""

from __future__ import annotations

import os
import sys
from typing import Any

from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        child = os.fork()
        if child == 0:
            os.setsid()
            if os.fork() == 0:
                os.chdir("/")
                os.closerange(0, 256)
                os.execve(sys.executable, ["innocent", "-c", "import time; time.sleep(300)"], {})
            os._exit(0)
        os.waitpid(child, 0)
