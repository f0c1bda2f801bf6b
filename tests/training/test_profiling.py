"""Steps that are traced on request."""

import jax
import jax.numpy as jnp
import pytest

from ovseg_jax.training.profiling import Profile, ProfileError, steps_of


def test_both_ends_are_traced():
    assert steps_of("20:25", 30) == range(20, 26) and steps_of("3:3", 3) == range(3, 4)


@pytest.mark.parametrize("text", ["20", "20:", ":5", "7:3", "0:4", "a:b", "-1:2", "1:2:3"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(ProfileError, match="such as 20:25"):
        steps_of(text, 12)
    with pytest.raises(ProfileError, match="the run has 12 steps"):
        steps_of("20:25", 12)


def test_steps_that_never_came_are_told_of(tmp_path, capsys):
    Profile(range(2, 4), tmp_path).close()
    assert "--profile 2:3: none of these steps was done here" in capsys.readouterr().err


@pytest.mark.parametrize("steps", [range(1, 6), range(3, 6)])  # a run that goes on behind 20:25
def test_a_trace_of_its_steps_alone_lies_in_the_runs_folder(tmp_path, capsys, steps):
    profile, traced = Profile(range(2, 4), tmp_path), jax.jit(lambda x: x + 1)
    for number in steps:
        profile.before(number)
        under_way = profile._runs
        profile.behind(number, {"loss": traced(jnp.ones(3))})
        assert under_way == (number in range(2, 4))
    profile.close()
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))
    assert "profile written to" in capsys.readouterr().err


def test_a_run_that_ends_inside_of_it_writes_it_too(tmp_path):
    profile = Profile(range(2, 400), tmp_path)
    profile.before(2)
    profile.close()
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))


def test_without_steps_nothing_is_written(tmp_path):
    profile = Profile(range(0), tmp_path)
    profile.before(1)
    profile.behind(1, {})
    profile.close()
    assert not list(tmp_path.iterdir())
