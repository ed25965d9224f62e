"""What lies at a path; a path that the system cannot even look up is wrong input, refused in one line."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from hwsim.errors import InputError

LONGEST_NAME = 255
"""Bytes of one name, which hardly a file system exceeds."""


def reason(error: OSError | ValueError) -> str:
    """Return why the system refused a path, in its own words (a null character in it is a ValueError)."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def exists(path: Path) -> bool:
    """Return whether anything lies at a path; raises InputError where that cannot be known.

    `Path.exists` raises OSError for a name that is too long for the file system and for a folder without permission.
    """
    try:
        if any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):  # in a folder that is not there as well
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        shown = ascii(str(path))[1:-1]
        shown = shown if len(shown) <= 80 else f"{shown[:60]}...{shown[-17:]}"
        raise InputError(f"path '{shown}' cannot be looked up: {reason(error)}; name another") from None
    return True
