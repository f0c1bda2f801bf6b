"""Compiled programs are kept for the next start, where the user wants that and it is possible."""

import os
import subprocess
import sys

import jax
import pytest

from ovseg_jax.disk.programs import compiled_folder, forget_damaged, keep_programs
from ovseg_jax.foundation.errors import OvsegWarning

PROGRAM = """
import jax, jax.numpy as jnp
from ovseg_jax.disk.programs import keep_programs
keep_programs()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
hits = []
jax.monitoring.register_event_listener(lambda name, **_: hits.append(name.endswith("cache_hits")))
print(float(jax.jit(lambda x: jnp.sin(x) @ x)(jnp.eye(3))[0, 0]), any(hits))
from ovseg_jax.disk.programs import compiled_folder
from ovseg_jax.inference.kept_step import KeptStep
everywhere = jax.NamedSharding(jax.make_mesh((2,), ("x",)), jax.P())
eye = jax.device_put(jnp.eye(3), everywhere)
spread = KeptStep(jnp.sin, "sine")(eye)  # what is kept is for one device
assert len(spread.sharding.device_set) == 2 and not (compiled_folder() / "traced").exists()
"""


@pytest.fixture
def restored(monkeypatch):
    """Gives back the cache's settings, and lets no variable of the caller interfere."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    names += ("jax_enable_compilation_cache", "jax_persistent_cache_enable_xla_caches")
    before = {name: getattr(jax.config, name) for name in names}
    jax.config.update("jax_compilation_cache_dir", None)
    yield monkeypatch
    for name, value in before.items():
        jax.config.update(name, value)


def test_programs_lie_beside_the_texts(restored, tmp_path):
    restored.setenv("OVSEG_CACHE", str(tmp_path))
    keep_programs()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "ovseg_jax" / "xla")


def test_the_folder_is_the_users_alone(restored, tmp_path):
    restored.setenv("OVSEG_CACHE", str(tmp_path))
    folder = tmp_path / "ovseg_jax" / "xla"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    keep_programs()
    assert folder.stat().st_mode & 0o777 == 0o700
    restored.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    jax.config.update("jax_compilation_cache_dir", None)
    with pytest.warns(OvsegWarning, match="no programs can be kept"):
        keep_programs()
    assert jax.config.jax_compilation_cache_dir is None, "it is another user's"


def test_the_users_own_settings_go_first(restored, tmp_path):
    restored.setenv("OVSEG_CACHE", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", "elsewhere")
    keep_programs()
    assert jax.config.jax_compilation_cache_dir == "elsewhere"
    jax.config.update("jax_compilation_cache_dir", None)
    jax.config.update("jax_enable_compilation_cache", False)
    keep_programs()
    assert jax.config.jax_compilation_cache_dir is None and not list(tmp_path.iterdir())


def test_a_home_that_cannot_be_written_costs_the_cache_alone(restored, tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    restored.setenv("OVSEG_CACHE", str(blocked))
    with pytest.warns(OvsegWarning, match="no programs can be kept in .*file"):
        keep_programs()
    assert jax.config.jax_compilation_cache_dir is None


def test_a_damaged_program_is_removed_so_that_a_whole_one_can_be_kept(restored, tmp_path):
    restored.setenv("OVSEG_CACHE", str(tmp_path))
    said = "Error reading persistent compilation cache entry for 'jit_[f]': truncated stream"
    assert forget_damaged(said), "nothing is kept here, but it is no warning for users"
    keep_programs()
    damaged, other = (compiled_folder() / f"{name}-0a1b-cache" for name in ("jit_[f]", "jit_f"))
    damaged.touch()
    other.touch()
    assert forget_damaged(said) and not damaged.exists() and other.exists()
    assert not forget_damaged("Donated buffers were not usable")


def test_the_second_start_compiles_nothing(tmp_path):
    environment = os.environ | {"OVSEG_CACHE": str(tmp_path), "JAX_PLATFORMS": "cpu"}
    environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [sys.executable, "-c", PROGRAM]
    starts = [subprocess.check_output(command, env=environment, text=True) for _ in range(2)]
    (first, cold), (second, warm) = (start.split() for start in starts)
    assert first == second and (cold, warm) == ("False", "True")
