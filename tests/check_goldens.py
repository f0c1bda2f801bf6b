"""Runs golden cases through the real converter and modules, and compares the outputs.

python tests/check_goldens.py DIR [--system NAME] [--json FILE]

Prints one line per output (case, output, max error, tolerance, ok / FAIL / skipped) and a last
line that counts cases. A case is supported only if all outputs of its `final` list are compared;
the others may be skipped. Exit status 1 on any failure.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import sys
import traceback
from pathlib import Path

for folder in (Path(__file__).parent, Path(__file__).parent.parent):
    if str(folder.resolve()) not in sys.path:
        sys.path.insert(0, str(folder.resolve()))

import jax  # noqa: E402
from golden_cases import Case, NotSupported, find_cases, run  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Line:
    """The verdict on one output of one case; `error` is a fraction for integer outputs."""

    case: str
    output: str
    status: str
    error: float | str | None = None
    tolerance: str = ""

    def __str__(self) -> str:
        error = f"{self.error:.3g}" if isinstance(self.error, float) else self.error or "-"
        return f"{self.case:44} {self.output:24} {error:>10} {self.tolerance:>22} {self.status}"


def check(case: Case) -> tuple[str, list[Line]]:
    """Runs one case.

    Returns:
        "passed", "failed" or "not supported", and one line per output. A case that crashes has
        failed; its line carries the exception.
    """
    try:
        outputs = run(case)
        return _verdict(case, outputs)
    except NotSupported as reason:
        return "not supported", [Line(case.name, "-", f"not supported: {reason}")]
    except Exception as error:
        traceback.print_exc()
        return "failed", [Line(case.name, "-", f"FAIL {type(error).__name__}: {error}")]
    finally:
        jax.clear_caches()
        gc.collect()


def _verdict(case: Case, outputs: dict) -> tuple[str, list[Line]]:
    known = case.info["outputs"]
    results = case.compare({name: x for name, x in outputs.items() if name in known})
    lines = [_line(case, name, results.get(name)) for name in known]
    if any(line.status == "FAIL" for line in lines):
        return "failed", lines
    missing = [name for name in case.final if name not in results]
    if missing:
        note = f"not supported: final outputs not computed: {', '.join(missing)}"
        return "not supported", [*lines, Line(case.name, "-", note)]
    return "passed", lines


def _line(case: Case, name: str, result: tuple | None) -> Line:
    info = case.info["outputs"][name]
    if result is None:
        return Line(case.name, name, "skipped")
    ok, error, _ = result
    tolerance = (
        f"{info['atol']:.1g} + {info['rtol']:.1g} rel"
        if "atol" in info
        else f"{info.get('max_diff_fraction', 0):.1g} differ"
    )
    return Line(case.name, name, "ok" if ok else "FAIL", error, tolerance)


def main(arguments: list[str] | None = None) -> int:
    """Checks a folder of cases; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, help="folder that holds <system>/<case>/case.json")
    parser.add_argument("--system", help="only cases of this system")
    parser.add_argument("--json", type=Path, help="also write all lines to this file")
    options = parser.parse_args(arguments)
    counts, lines = {"passed": 0, "failed": 0, "not supported": 0}, []
    for case in find_cases(options.directory, options.system):
        status, case_lines = check(case)
        counts[status] += 1
        lines += case_lines
        print(*case_lines, sep="\n", flush=True)
    if not lines:
        parser.error(f"no case.json under {options.directory} (system: {options.system or 'any'})")
    if options.json:
        record = {"counts": counts, "outputs": [dataclasses.asdict(line) for line in lines]}
        options.json.write_text(json.dumps(record, indent=1))
    print(", ".join(f"{number} {status}" for status, number in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
