"""How one host of several ends when something fails that the others do not know of.

JAX's goodbye would wait for the others, which wait in a collective for this one: minutes of a pod
that does nothing, then an abort that names nobody. A host that leaves at once is missed at once.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Iterator

import jax

from ovseg_jax.foundation import terminal
from ovseg_jax.foundation.errors import OvsegError, printable
from ovseg_jax.training.agreement import DifferenceError
from ovseg_jax.training.health import DivergenceError
from ovseg_jax.training.stopping import Interruption

AGREED = (Interruption, DivergenceError, DifferenceError)
"""Errors that every host raises behind the same step: they say goodbye to each other."""
LOST = 4
"""Exit status when a step did not come to its end; the same command goes on."""
PATIENCE = 2.0
"""Seconds for which the first host stays, so that what fails on all of them is told by all."""


@contextlib.contextmanager
def leaving_alone() -> Iterator[None]:
    """Ends the process by what fails inside, if there are other hosts who do not know of it.

    Nothing that is being saved is waited for: saving, too, needs all hosts. A collective that fails
    ends the process with the status `LOST`, errors of the user with 2, defects with 1.
    """
    try:
        yield
    except AGREED:
        raise
    except Exception as error:
        if not jax.distributed.is_initialized() or jax.process_count() == 1:
            raise
        _leave(error)


def _leave(error: Exception) -> None:
    terminal.give_back()
    whose = f"host {jax.process_index()} of {jax.process_count()}"
    if jax.process_index() == 0:  # JAX ends the others as soon as they miss this one
        time.sleep(PATIENCE)
    if isinstance(error, jax.errors.JaxRuntimeError):
        status = LOST
        said = (
            f"a step or a save failed, another host may be lost: {_first_line(error)}. The same "
            "command goes on from the newest checkpoint"
        )
    elif isinstance(error, OvsegError | OSError):
        status, said = 2, printable(error)
    else:
        traceback.print_exception(error)
        status, said = 1, f"ends by {type(error).__name__}, see above"
    print(f"ovseg: error: {whose}: {said}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(status)


def _first_line(error: Exception) -> str:
    return printable(error).splitlines()[0] if str(error) else type(error).__name__
