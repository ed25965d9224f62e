"""Files in and out: written whole or not at all, read with errors that say what was expected."""
