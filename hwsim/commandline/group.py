"""What the three commands share on the terminal: one line an error, the same exit codes, one rich console."""

from __future__ import annotations

import sys
from typing import Any

import click

from hwsim.errors import InputError, RunError


class CommandGroup(click.Group):
    """A click group that reports InputError (exit 2), RunError and Ctrl-C (exit 1) in one line, without a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command and leave with its exit code."""
        kwargs["standalone_mode"] = False
        try:
            # click returns the code of ctx.exit() here instead of leaving
            code = super().main(*args, **kwargs)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(2)
        except click.ClickException as error:
            _fail(error.format_message(), 2)
        except InputError as error:
            _fail(str(error), 2)
        except (KeyboardInterrupt, click.Abort) as error:
            _fail(str(error) or "interrupted", 1)
        except RunError as error:
            _fail(str(error), 1)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(1)
        except OSError as error:  # a path or disk that failed where no step said what it was for
            _fail(f"{error.filename or 'the system'}: {error.strerror or error}", 1)
        sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> None:
    click.echo("error: " + " ".join(message.split()), err=True)
    sys.exit(code)
