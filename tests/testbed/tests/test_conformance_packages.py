"""The comparator for recordings of pkg sees what counts and passes over what does not; held to the recordings."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from testbed.conformance.packages import compare, texts
from testbed.conformance.packages.recording import FIXTURES, counts, subcommand
from testbed.conformance.packages.replay import Observed

SEED = 20261121
STEPS: list[dict[str, Any]] = [
    step
    for path in sorted(FIXTURES.glob("[0-9]*.json"))
    for step in json.loads(path.read_text())["steps"]
    if counts(step) and not step["argv"][0].startswith("@")
]
PLANS = [step for step in STEPS if any(map(texts.PLAN.search, step["stdout"].splitlines()))]
DOCUMENTS = [step for step in STEPS if texts.documents(step["stdout"])]
TABLES = [step for step in STEPS if subcommand(step["argv"]) in compare.TABLES and step["stdout"].strip()]
REFUSALS = [step for step in STEPS if texts.facts(step["stderr"])]


def seen(step: dict[str, Any], **other: Any) -> Observed:
    """What a pkg gave that answered as recorded, but for ``other``."""
    return Observed(**{"rc": step["rc"], "stdout": step["stdout"], "stderr": step["stderr"], **other})


def name(step: dict[str, Any]) -> str:
    return " ".join(step["argv"])


def sample(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return random.Random(SEED).sample(steps, 60)


def test_every_recorded_step_matches_itself() -> None:
    assert [(name(step), compare.step(step, seen(step))) for step in STEPS if compare.step(step, seen(step))] == []


@pytest.mark.parametrize("step", sample(STEPS), ids=name)
def test_exit_code_counts(step: dict[str, Any]) -> None:
    assert compare.step(step, seen(step, rc=step["rc"] + 1)) == [("exit code", str(step["rc"]), str(step["rc"] + 1))]


@pytest.mark.parametrize("step", sample(PLANS), ids=name)
def test_counts_of_a_plan_count(step: dict[str, Any]) -> None:
    other = re.sub(r"(Packages to \w+: +)(\d+)", lambda found: f"{found[1]}{int(found[2]) + 1}", step["stdout"])
    assert compare.step(step, seen(step, stdout=other)) or other == step["stdout"]


def test_counts_of_a_child_are_not_those_of_another() -> None:
    step = next(step for step in PLANS if "'zone:web01' output:\n| Packages to update: 6" in step["stdout"])
    names = {"zone:web01": "zone:db01", "zone:db01": "zone:web01"}
    other = re.sub(r"(?<=')zone:(web|db)01(?=' output)", lambda found: names[found[0]], step["stdout"])
    assert compare.step(step, seen(step, stdout=other))


def leaves(value: Any) -> list[tuple[Any, Any]]:
    """Holder and key of every text and truth value of a document, sizes left out."""
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else [])
    found = [(value, key) for key, entry in pairs if isinstance(entry, (str, bool)) and "space-" not in str(key)]
    return found + [leaf for _, entry in pairs for leaf in leaves(entry)]


@pytest.mark.parametrize("step", sample(DOCUMENTS), ids=name)
def test_every_value_of_a_document_counts(step: dict[str, Any]) -> None:
    line = next(line for line in step["stdout"].splitlines() if line.startswith(("{", "[")))
    document = json.loads(line)
    for holder, key in random.Random(SEED).sample(leaves(document), min(1, len(leaves(document)))):
        holder[key] = f"{holder[key]}falsified"
        other = step["stdout"].replace(line, json.dumps(document))
        assert compare.step(step, seen(step, stdout=other))[0][0].startswith("JSON /")


@pytest.mark.parametrize("step", sample(TABLES), ids=name)
def test_every_row_of_a_table_counts(step: dict[str, Any]) -> None:
    lines = step["stdout"].splitlines(keepends=True)
    full = [number for number, line in enumerate(lines) if line.strip() and not line.startswith(("{", "["))]
    for number in random.Random(SEED).sample(full, 1) if full else []:
        left = "".join(lines[:number] + lines[number + 1 :])
        assert compare.step(step, seen(step, stdout=left))


@pytest.mark.parametrize("step", sample(REFUSALS), ids=name)
def test_a_refusal_counts_and_so_does_its_stream(step: dict[str, Any]) -> None:
    assert compare.step(step, seen(step, stderr=""))
    assert compare.step(step, seen(step, stderr="", stdout=step["stdout"] + step["stderr"]))


@pytest.mark.parametrize("step", sample(STEPS), ids=name)
def test_progress_sizes_times_and_paddings_do_not_count(step: dict[str, Any]) -> None:
    other = re.sub(r"(?m)^(Planning|Download| Startup): (?!Linked image ').*\n", "", step["stdout"])
    other = re.sub(r"\b[\d.]+ (GB|MB|kB|B)\b", r"7.77 \1", other)
    other = re.sub(r'"space-(available|required)":\d+', r'"space-\1":7', other)
    other = re.sub(r"(?m)[ \t]+$", "", other)
    assert compare.step(step, seen(step, stdout=f" Startup: Caching catalogs ... Done\n{other}")) == []


@pytest.mark.parametrize(
    "step", [step for step in DOCUMENTS if step["stdout"].count('"image-name"') > 2][:10], ids=name
)
def test_order_of_children_does_not_count(step: dict[str, Any]) -> None:
    first, rest = step["stdout"].split("\n", 1)
    document = json.loads(first)
    document["child-images"].reverse()
    assert compare.step(step, seen(step, stdout=f"{json.dumps(document)}\n{rest}")) == []


def test_a_step_that_could_not_be_carried_out_does_not_match() -> None:
    step = {"argv": ["@lock", "global"], "rc": 0, "stdout": "", "stderr": ""}
    assert compare.step(step, Observed(failed="no zone x")) == [("carried out", "yes", "no zone x")]
    assert compare.step(step, Observed()) == []


def test_a_tree_of_rejections_is_the_same_in_any_order() -> None:
    first = "pkg update: Package 'a' must go.\n  Reject:  pkg://p/a@1\n  Reason:  needs b\n"
    second = "Package 'b' must go.\n  Reject:  pkg://p/b@1\n           pkg://p/b@2\n  Reason:  too old\n"
    told = "    ------\n    Reject:  pkg://p/b@1\n             pkg://p/b@2\n    Reason:  too old\n    ------\n"
    above = second.replace("too old", "[already rejected; see above]")
    other = f"pkg update: {second}{first.removeprefix('pkg update: ')}"
    assert texts.facts(first + told + above) == texts.facts(other)
    assert texts.facts(other) != texts.facts(other.replace("too old", "too new"))
    assert texts.facts(other) != texts.facts(other.replace("pkg://p/b@2", "pkg://p/b@3"))
