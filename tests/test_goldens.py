"""Golden cases under pytest, and the program that runs them: verdicts, resilience, exit status."""

import json
import shutil

import check_goldens
import golden_cases
import numpy as np
import pytest
from golden_cases import GOLDENS, Case, NotSupported, find_cases

QUICK = (
    "clip_towers/a1_",
    *("mask_adapter/a1_", "mask_adapter/a2_", "mask_adapter/a10_"),
    *("maft_plus/a1_", "maft_plus/a2_", "maft_plus/a5_", "fcclip/a5_"),
    *("maskclippp/a6_", "maskclippp/a7_", "ovseg/a1_"),
    "metrics/",
)


def marked(case):
    marks = () if case.name.startswith(QUICK) else pytest.mark.slow
    return pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", [marked(case) for case in find_cases(GOLDENS)])
def test_every_case_passes(case):
    status, lines = check_goldens.check(case)
    assert status == "passed", "\n".join(map(str, lines))


# ---- the program --------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Copies of one small case, answered by whatever function the test sets."""
    answers = {}
    monkeypatch.setattr(golden_cases, "RUNNERS", answers)
    monkeypatch.setattr(golden_cases, "_import_runners", lambda: None)

    def add(name, answer=None, **changes):
        target = tmp_path / "system" / name
        shutil.copytree(GOLDENS / "metrics" / "a1_semseg", target)
        info = json.loads((target / "case.json").read_text())
        info |= {"system": "system", "case": name, **changes}
        info["config"]["entry"] = name
        (target / "case.json").write_text(json.dumps(info))
        if answer:
            answers["system", name] = answer
        return tmp_path

    return add


def right(case: Case):
    """The stored outputs of a case that stores all of them."""
    return golden_cases.fill.load_outputs(str(case.path))


def wrong(case: Case):
    return {name: np.asarray(x) + 1 for name, x in right(case).items()}


def crashing(case: Case):
    raise KeyError("a bug")


def refusing(case: Case):
    raise NotSupported("no such thing")


def partial(case: Case):
    name = case.final[0]
    return {name: right(case)[name]}


def last_line(capsys):
    return capsys.readouterr().out.strip().splitlines()[-1]


def test_right_outputs_pass_and_the_last_line_counts_cases(folder, capsys):
    folder("one", right)
    assert check_goldens.main([str(folder("two", right))]) == 0
    assert last_line(capsys) == "2 passed, 0 failed, 0 not supported"


def test_a_crash_is_a_failure_of_its_case_and_not_the_end(folder, capsys):
    folder("a", crashing)
    assert check_goldens.main([str(folder("b", right))]) == 1
    text = capsys.readouterr().out
    assert "FAIL KeyError: 'a bug'" in text
    assert text.strip().endswith("1 passed, 1 failed, 0 not supported")


def test_wrong_numbers_fail(folder, capsys):
    assert check_goldens.main([str(folder("a", wrong))]) == 1
    assert last_line(capsys) == "0 passed, 1 failed, 0 not supported"


def test_unknown_and_refused_cases_are_not_supported_and_do_not_fail(folder, capsys):
    folder("a")
    assert check_goldens.main([str(folder("b", refusing))]) == 0
    assert last_line(capsys) == "0 passed, 0 failed, 2 not supported"


def test_a_case_without_all_final_outputs_is_not_supported(folder, capsys):
    assert check_goldens.main([str(folder("a", partial))]) == 0
    text = capsys.readouterr().out
    assert "skipped" in text and "final outputs not computed" in text
    assert text.strip().endswith("0 passed, 0 failed, 1 not supported")


def test_stages_on_the_way_may_be_skipped(folder, capsys):
    names = list(right(Case(GOLDENS / "metrics" / "a1_semseg")))
    assert check_goldens.main([str(folder("a", partial, final=names[:1]))]) == 0
    assert last_line(capsys) == "1 passed, 0 failed, 0 not supported"


def test_a_runner_module_that_does_not_import_fails_its_cases_only(folder, capsys, monkeypatch):
    monkeypatch.setitem(golden_cases.BROKEN, "system", ImportError("no such module"))
    assert check_goldens.main([str(folder("a", right))]) == 1
    assert "FAIL ImportError: no such module" in capsys.readouterr().out


def test_one_system_can_be_chosen_and_lines_are_written_as_json(folder, tmp_path, capsys):
    root = folder("a", wrong)
    shutil.copytree(GOLDENS / "metrics" / "a2_semseg_absent", root / "other" / "a2")
    report = tmp_path / "report.json"
    check_goldens.main([str(root), "--system", "system", "--json", str(report)])
    stored = json.loads(report.read_text())
    assert stored["counts"] == {"passed": 0, "failed": 1, "not supported": 0}
    assert {line["case"] for line in stored["outputs"]} == {"system/a"}
    assert {line["status"] for line in stored["outputs"]} == {"FAIL"}


def test_a_folder_without_cases_is_an_error(tmp_path):
    with pytest.raises(SystemExit) as caught:
        check_goldens.main([str(tmp_path)])
    assert caught.value.code == 2
