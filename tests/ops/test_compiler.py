"""Compiler options and memory: taken where they help, never an error where they are unknown."""

import types

import jax
import numpy as np
import pytest

from ovseg_jax.ops import compiler


@pytest.fixture(autouse=True)
def fresh():
    compiler.compiler_options.cache_clear()
    yield
    compiler.compiler_options.cache_clear()


def test_the_options_compile_and_change_nothing():
    options = compiler.compiler_options()
    x = np.linspace(-3, 3, 1000, dtype=np.float32)
    plain, wide = jax.jit(jax.numpy.tanh), jax.jit(jax.numpy.tanh, compiler_options=options)
    np.testing.assert_allclose(wide(x), plain(x), rtol=1e-6)


def test_an_option_that_xla_does_not_know_is_left_out(monkeypatch):
    monkeypatch.setattr(compiler, "_has_avx512", lambda: True)
    monkeypatch.setattr(compiler, "_WIDE", {"xla_cpu_no_such_option": "1"})
    assert compiler.compiler_options() is None


def test_other_processors_get_none(monkeypatch):
    monkeypatch.setattr(compiler, "_has_avx512", lambda: False)
    assert compiler.compiler_options() is None


# ---- memory after compiling ----

EVENT = "/jax/core/compile/backend_compile_duration"


def listening(monkeypatch, library):
    """Starts to listen with another C library."""
    monkeypatch.setattr(compiler.ctypes, "CDLL", library)
    return compiler.free_memory_after_compiling.__wrapped__()


def test_memory_goes_back_after_long_compilations_alone(monkeypatch):
    calls = []
    fake = types.SimpleNamespace(malloc_trim=calls.append)
    listener = listening(monkeypatch, lambda name: fake)
    try:
        jax.monitoring.record_event_duration_secs(EVENT, 0.01)
        jax.monitoring.record_event_duration_secs("/jax/core/compile/jaxpr_trace_duration", 9.0)
        assert not calls
        jax.monitoring.record_event_duration_secs(EVENT, 9.0)
        assert calls == [0]
    finally:
        jax.monitoring.unregister_event_duration_listener(listener)


@pytest.mark.parametrize("error", [OSError, AttributeError])
def test_other_systems_go_without(monkeypatch, error):
    def missing(name):
        raise error(name)

    assert listening(monkeypatch, missing) is None
