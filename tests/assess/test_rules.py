"""Every rule explains itself, reports its bad example, and is content with its good one."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from cdbctl.assess import RULES, assess
from cdbctl.assess.rule import Rule
from cdbctl.model.finding import Status
from tests.assess.cases import CASES, Example

each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def test_every_rule_has_an_example_and_every_example_a_rule() -> None:
    assert CASES.keys() == RULES.keys()


def test_the_table_is_keyed_by_the_names_of_the_rules() -> None:
    assert all(name == rule.name for name, rule in RULES.items())


@each_case
def test_a_rule_reports_its_bad_example(case: Example) -> None:
    bad = [finding for finding in assess(case.bad) if finding.status in (Status.FAIL, Status.WARN)]
    assert bad, "the bad example is not reported"
    assert all(finding.fix and finding.fix.summary and finding.fix.commands for finding in bad)
    assert all(finding.title and finding.expected and finding.actual for finding in bad)


@each_case
def test_a_rule_is_content_with_its_good_example(case: Example) -> None:
    assert {finding.status for finding in assess(case.good)} == {Status.OK}


@each_case
def test_quotes_occur_verbatim_in_the_evidence_that_the_finding_names(case: Example) -> None:
    texts = {evidence.id: evidence.text for evidence in case.bad.evidence()}
    for finding in assess(case.bad):
        assert finding.evidence
        assert all(quote.text in texts[quote.evidence] for quote in finding.quotes)
        assert all(quote.evidence in finding.evidence for quote in finding.quotes)


@each_rule
def test_a_rule_explains_itself(rule: Rule) -> None:
    assert rule.law.endswith(".")
    assert rule.good.endswith(".")
    assert rule.bad.endswith(".")
    assert rule.subjects


@each_rule
def test_the_parameters_of_a_rule_are_closed_and_documented(rule: Rule) -> None:
    Draft202012Validator.check_schema(rule.params)
    assert rule.params["type"] == "object"
    assert rule.params["additionalProperties"] is False
    for name, about in rule.params["properties"].items():
        assert about["description"], name
        if "default" in about:
            Draft202012Validator(about).validate(about["default"])


@each_case
def test_the_parameters_of_an_example_keep_the_schema_of_its_rule(case: Example) -> None:
    Draft202012Validator(RULES[case.check.rule].params).validate(case.check.params)
