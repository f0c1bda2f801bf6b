"""Compiled programs in the user's cache, so that the next start is quicker."""

from __future__ import annotations


def keep_compiled() -> None:
    """Keeps compiled programs beside the embedded texts, in a folder of the user alone.

    JAX's own variables go first: `JAX_COMPILATION_CACHE_DIR` names another folder,
    `JAX_ENABLE_COMPILATION_CACHE=false` switches this off. Where the folder cannot be made private
    and written, every start compiles: what lies there is run, so nobody else may put it there.
    """
    import jax

    from ovseg_jax.disk.programs import compiled_folder
    from ovseg_jax.disk.user_cache import make_private

    settings = jax.config.values
    if settings["jax_compilation_cache_dir"] or not settings["jax_enable_compilation_cache"]:
        return
    folder = compiled_folder()
    if make_private(folder):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
