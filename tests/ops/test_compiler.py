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
    assert compiler.compiler_options() == compiler._SEQUENTIAL


def test_without_known_options_there_are_none(monkeypatch):
    monkeypatch.setattr(compiler, "_known", lambda option: False)
    assert compiler.compiler_options() is None


def test_other_processors_get_no_wide_vectors(monkeypatch):
    monkeypatch.setattr(compiler, "_has_avx512", lambda: False)
    assert compiler.compiler_options() == compiler._SEQUENTIAL


def test_other_platforms_get_none():
    assert compiler.compiler_options("gpu") is None
    assert compiler.compiler_options("cpu") == compiler.compiler_options()


def test_steps_in_order_of_memory_take_less_of_it():
    """Four wide layers side by side: one at a time instead of all at once."""

    def wide(x, kernels):
        return jax.numpy.concatenate([jax.numpy.tanh(x @ k) @ k.T for k in kernels], 1)

    shapes = (
        jax.ShapeDtypeStruct((1000, 100), "float32"),
        [jax.ShapeDtypeStruct((100, 1000), "float32") for _ in range(4)],
    )
    lowered = jax.jit(wide).lower(*shapes)
    usual, ordered = (
        lowered.compile(options).memory_analysis().temp_size_in_bytes
        for options in (None, compiler.compiler_options())
    )
    assert ordered <= 0.75 * usual


# ---- memory after compiling ----

EVENT = "/jax/core/compile/backend_compile_duration"


def listening(monkeypatch, library):
    """Starts to listen with another C library."""
    monkeypatch.setattr(compiler.ctypes, "CDLL", library)
    return compiler.keep_heap_small.__wrapped__()


def test_memory_goes_back_after_long_compilations_alone(monkeypatch):
    calls = []
    fake = types.SimpleNamespace(malloc_trim=calls.append, mallopt=lambda *a: calls.append(a))
    listener = listening(monkeypatch, lambda name: fake)
    assert calls.pop() == (compiler._ARENA_MAX, 1)
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
