"""The ledger itself: discovery, running, reproducing, refusing, the command, and a claim from outside the package."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from verify import Check, UsageError, Verdict
from verify.claims import About, Claim, Dynamics, Method, Outcome, Reading, Run, built_in, from_file, resolve
from verify.claims.ledger import FALSE_ALARM, Ledger, joined, validate
from verify.claims.testing import cases
from verify.cli import main

EXAMPLE = Path(__file__).parents[3] / "examples" / "my_claim.py"
LEDGER = built_in()


def draw(law, run):
    """Confirms the law 2 with evidence that depends on the seed."""
    verdict = Verdict.CONFIRMED if law == 2 else Verdict.REFUTED
    check = Check("two", law, 2, 0, verdict, "exact")
    return Outcome(
        "two", (check,), {"law": law}, {"draw": float(run.generator("x").random()), "odd": float("nan")}
    )


def claim(**changes):
    fields = {
        "id": "two", "title": "two is two", "statement": "2 = 2", "hypotheses": (), "source": "me",
        "method": Method.CERTIFIED, "about": About.OTHER, "reading": Reading.NONE, "dynamics": Dynamics.NONE,
        "law": 2, "validate": draw, "mutants": {"three": 3},
    }  # fmt: skip
    return Claim(**{**fields, **changes})


@pytest.mark.parametrize("case", cases(EXAMPLE), ids=str)
def test_the_example_passes_its_own_cases(case):
    case.check()


def test_a_wrong_claim_fails_its_cases():
    with pytest.raises(AssertionError, match="REFUTED, not CONFIRMED"):
        cases(claim(law=3))[0].check()
    with pytest.raises(AssertionError, match="two-three"):
        cases(claim(mutants={"three": 2}))[1].check()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "two words"}, "letters and digits"),
        ({"mutants": {}}, "no mutants"),
        ({"expected": Verdict.REFUTED}, "corrected law"),
        ({"method": Method.STATISTICAL}, "false_alarm"),
        ({"false_alarm": 0.1}, "false_alarm"),
    ],
)
def test_a_claim_must_be_testable(changes, message):
    with pytest.raises(UsageError, match=message):
        claim(**changes)


def test_false_alarms_add_up_to_one_in_a_thousand():
    assert 0 < sum(c.false_alarm for c in LEDGER.claims.values()) <= FALSE_ALARM
    bold = claim(method=Method.STATISTICAL, false_alarm=FALSE_ALARM * 1.01)
    with pytest.raises(UsageError, match="add up"):
        Ledger({"two": bold}, {"two": "here"})


def test_every_row_of_the_paper_is_there():
    assert {"P1a", "P1b", *(f"C{k}" for k in range(1, 9))} <= {i.split(".")[0] for i in LEDGER.claims}


def test_an_entry_is_reproduced_by_its_seed_alone():
    first, second = (validate(claim(), Run(seed=seed)).document() for seed in (3, 3))
    other = validate(claim(), Run(seed=4)).document()
    assert first["evidence"] == second["evidence"] != other["evidence"]
    assert first["evidence"]["seed"] == 3
    assert first["evidence"]["dtype"] == "float64"
    assert "numpy" in first["evidence"]["versions"]
    assert first["evidence"]["odd"] is None
    assert first["counterexample"] is None
    assert validate(claim(law=3, expected=Verdict.REFUTED, corrected=2), Run()).counterexample == {"law": 3}


def test_processes_and_company_do_not_change_an_entry():
    wanted = ["C1.planar", "P1b"]
    alone = LEDGER.select(["P1b"]).run(seed=5, quick=True, processes=1)[0]
    together = LEDGER.select(wanted).run(seed=5, quick=True, processes=2)
    assert [entry.claim["id"] for entry in together] == wanted
    one, two = alone.document(), together[1].document()
    assert one.pop("seconds") >= 0 <= two.pop("seconds")
    assert one == two


def test_unknown_ids_name_the_closest():
    with pytest.raises(UsageError, match=r"unknown claim 'c1\.planer'; close: C1\.planar"):
        LEDGER.select(["c1.planer"])


def test_files_are_refused_in_one_line(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        resolve([str(tmp_path / "none.py")])
    for text, message in (
        ("x = 1", "holds no claim"),
        ("x = 1/0", "ZeroDivisionError"),
        ("x = (", "SyntaxError"),
    ):
        path = tmp_path / f"file{len(message)}.py"
        path.write_text(text)
        with pytest.raises(UsageError, match=message):
            from_file(path)
    with pytest.raises(UsageError, match="taken by"):
        joined(from_file(EXAMPLE), from_file(EXAMPLE))


def run_command(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


def test_the_command_runs_a_file_from_outside(capsys, tmp_path):
    out = tmp_path / "claims.json"
    code, text, _ = run_command(
        ["claims", str(EXAMPLE), "--json", "--quick", "--quiet", "--out", str(out)], capsys
    )
    document = json.loads(text)
    assert code == 0
    assert document == json.loads(out.read_text())
    entry = document["claims"][0]
    assert entry["id"] == "merging.line"
    keys = {"id", "statement", "hypotheses", "source", "method", "verdict", "evidence", "counterexample"}
    assert keys <= set(entry)
    code, text, _ = run_command(["claims", str(EXAMPLE), "--quiet"], capsys)
    assert code == 0
    assert "CONFIRMED" in text
    assert "this file" in text


def test_exit_codes_and_refusals(capsys):
    code, text, _ = run_command(["claims", "P1b.unrestricted", "--json", "--quick", "--quiet"], capsys)
    assert code == 1
    assert json.loads(text)["claims"][0]["counterexample"]["x"]
    code, text, error = run_command(["claims", "P9"], capsys)
    assert code == 2
    assert text == ""
    assert error.startswith("condense: unknown claim 'P9'")
    assert run_command(["claims", "P1b", "--processes", "0"], capsys)[0] == 2


def test_several_claims_end_in_a_table_and_zero(capsys):
    code, text, _ = run_command(
        ["claims", "P1b", "P1b.unrestricted", "--quick", "--quiet", "--processes", "1"], capsys
    )
    assert code == 0
    assert "2 claims: 1 CONFIRMED, 1 REFUTED" in text


def test_a_surprise_is_marked():
    entry = validate(claim(law=3), Run())
    assert entry.surprising
    assert not replace(entry, verdict=Verdict.CONFIRMED).surprising
