"""What `--json` stores of a claim is enough to run it again; claims of installed packages are found."""

import json
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType

import numpy as np
import pytest

from theory import MomentTensor, sign_descent_orientations
from verify import Verdict
from verify.claims import Run, built_in, ledger, resolve
from verify.claims.ledger import validate
from verify.cli import main
from verify.errors import UsageError


def stored(arguments, capsys):
    """The document that the command prints."""
    with pytest.raises(SystemExit):
        main(["claims", *arguments, "--json", "--quiet"])
    return json.loads(capsys.readouterr().out)


STATISTICAL = ["C1.adam", "C6", "condensation.growing"]


@pytest.mark.slow
def test_statistical_claims_are_reproduced_from_their_documents(capsys):
    """Run once by the command, in two processes, all together; again alone, from nothing but each entry."""
    seed = 11
    document = stored([*STATISTICAL, "--quick", "--seed", str(seed)], capsys)
    assert [entry["id"] for entry in document["claims"]] == STATISTICAL
    for entry in document["claims"]:
        claim = built_in().claims[entry["id"]]
        run = Run(seed=entry["evidence"]["seed"], quick=entry["evidence"]["quick"])
        assert run == Run(seed=seed, quick=True)
        again = json.loads(json.dumps(validate(claim, run).document()))
        entry.pop("seconds")
        again.pop("seconds")
        assert again == entry
        # The numbers are those of the seed: another one gives others.
        other = json.loads(json.dumps(validate(claim, Run(seed=seed + 1, quick=True)).document()))
        assert (
            other["evidence"]["checks"] != entry["evidence"]["checks"]
            or other["evidence"] != entry["evidence"]
        )
        assert other["verdict"] == entry["verdict"]


def test_a_counterexample_alone_repeats_its_refutation():
    """C1.sign: the data in the document, enumerated again, exceed 2p; without the claim."""
    entry = json.loads(json.dumps(validate(built_in().claims["C1.sign"], Run(quick=True)).document()))
    assert entry["verdict"] == Verdict.REFUTED.value
    found = entry["counterexample"]
    x = np.column_stack([found["x"], np.ones(len(found["y"]), dtype=int)])
    assert np.max(np.abs(x)) <= 2, "small integers"
    p = int(found["activation"].removeprefix("z**"))
    again = sign_descent_orientations(MomentTensor.from_data(x, np.array(found["y"]), p))
    certified = [o for o in again.attractors if o.certified]
    assert again.complete
    assert len(certified) == len(found["certificate"]["attractors"]) > 2 * p
    # As few points as possible: one has at most 2p.
    for k in range(len(x)):
        one = sign_descent_orientations(MomentTensor.from_data(x[[k]], np.array(found["y"])[[k]], p))
        assert len(one.attractors) <= 2 * p


@pytest.fixture
def installed(monkeypatch):
    """Pretend that a package with these claims is installed, under the entry-point group of the ledger."""

    def install(*claims, name="someones_claims"):
        module = ModuleType(name)
        vars(module)["claims"] = list(claims)
        monkeypatch.setitem(sys.modules, name, module)
        point = EntryPoint(name="theirs", value=f"{name}:claims", group="condense.claims")
        monkeypatch.setattr(ledger, "entry_points", lambda *, group: [point] if group == point.group else [])

    return install


def _renamed(identity):
    return replace(built_in().claims["P1b"], id=identity)


def test_a_claim_of_an_installed_package_is_found_and_run(installed, capsys):
    assert "theirs" not in built_in().claims
    installed(_renamed("theirs"))
    found = resolve(["theirs"])
    assert list(found.claims) == ["theirs"]
    assert found.origins["theirs"] == "someones_claims"
    assert "C1" in built_in().claims
    document = stored(["theirs", "--quick"], capsys)
    assert [entry["id"] for entry in document["claims"]] == ["theirs"]
    assert document["claims"][0]["verdict"] == Verdict.CONFIRMED.value


def test_an_installed_claim_must_not_take_an_id(installed):
    installed(_renamed("C1"))
    with pytest.raises(
        UsageError, match=r"someones_claims: claim id 'C1' is taken by verify\.claims\.paper\.c1"
    ):
        built_in()


def test_an_installed_module_that_fails_is_named(installed, monkeypatch):
    installed(_renamed("theirs"))
    monkeypatch.setitem(sys.modules, "someones_claims", None)
    with pytest.raises(
        UsageError, match=r"entry point 'theirs' of condense\.claims, someones_claims:claims: "
    ):
        built_in()
