from leyden.audit.rules.engine import ENGINE
from leyden.audit.rules.every import RULES
from leyden.audit.sources import SOURCES


def test_every_rule_has_a_source_or_is_the_engines():
    assert list(RULES.values()) == [*ENGINE, *(rule for source in SOURCES for rule in source.rules)]
