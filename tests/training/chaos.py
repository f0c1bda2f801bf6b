"""Real training processes that are killed at will: forked from one that has imported everything."""

import argparse
import contextlib
import multiprocessing
import os
import sys
import time

MODULES = ("ovseg_jax.training.loop", "ovseg_jax.cli.train", "tensorflow", "clu.metric_writers")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([*MODULES, "tensorflow_datasets"])


def train_as_command(config, workdir, log, cache):
    """What `ovseg train` does behind its options, with its exit status; said into a file."""
    with open(log, "ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", buffering=1, closefd=False) for n in (1, 2))
    import jax

    from ovseg_jax.cli.errors import guarded
    from ovseg_jax.cli.train import _train, add_arguments

    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    arguments = parser.parse_args(["--workdir", str(workdir)])
    status = guarded(_train, config, arguments)
    sys.stderr.flush()
    os._exit(status)  # TensorFlow's threads need no farewell


def start(config, workdir, cache):
    """Starts a training process; what it says is added to `<workdir>.log`."""
    log = workdir.with_suffix(".log")
    process = FORKS.Process(target=train_as_command, args=(config, workdir, log, cache))
    process.start()
    return process


def wait_until(process, condition, limit=240):
    """Waits until something holds or the process has ended; tells whether it holds."""
    deadline = time.monotonic() + limit
    while not condition():
        if not process.is_alive():
            return False
        assert time.monotonic() < deadline, "the run does nothing"
        time.sleep(0.001)
    return True


def send(process, number):
    """Sends a signal, if there still is somebody to receive it; returns the exit status."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)
    process.join(240)
    return process.exitcode
