from leyden.audit.rules.doctor import DOCTOR
from leyden.audit.rules.engine import ENGINE
from leyden.audit.rules.environment import ENVIRONMENT
from leyden.audit.rules.every import RULES
from leyden.audit.rules.host import HOST
from leyden.audit.rules.online import ONLINE
from leyden.audit.rules.runs import RUNS
from leyden.audit.sources import SOURCES

SURVEYED = (*ENVIRONMENT, *ONLINE, *HOST, *RUNS, *DOCTOR)


def test_every_rule_has_a_source_or_a_survey_or_is_the_engines():
    rules = [*ENGINE, *SURVEYED, *(rule for source in SOURCES for rule in source.rules)]
    assert sorted(RULES) == sorted(rule.id for rule in rules)
    assert len(set(RULES)) == len(rules)
