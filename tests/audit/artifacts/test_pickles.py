import pytest
from tests.audit.artifacts.reading import opened

from leyden.audit.artifacts.pickles import judge, read_pickle


def judged(content):
    file = opened(content, "a.pkl")
    return list(judge(file, read_pickle(file)))


def test_a_pickle_of_data_is_in_order():
    assert judged(b"\x80\x02}X\x01\0\0\0aK\x01s.") == []


@pytest.mark.parametrize(
    ("operations", "rule"),
    [
        (b"cos\nsystem\n.", "LEY101"), (b"cshop\nbuy\n.", "LEY102"), (b"ctorch.nn\nLinear\n.", "LEY103"),
        (b"ctorch\nSize\n}b.", "LEY104"), (b"\x82\x01.", "LEY105"), (b"\x80\x02Pname\n.", "LEY105"),
        (b"\x80\x02ctorch\nSize\n", "LEY106"), (b"S'\xe9'\n.", "LEY107"),
        (b"\x80\x02c_codecs\nencode\nX\1\0\0\0aX\4\0\0\0zlib\x86R.", "LEY109"),
        (b"\x80\x02Nr\xff\xff\xff\x7f.", "LEY110"), (b"\x80\x02K", "LEY002"),
    ],
)  # fmt: skip
def test_each_thing_that_a_pickle_does_has_its_rule(operations, rule):
    assert [finding.rule for finding in judged(operations)] == [rule]


def test_the_helpers_of_objects_are_told_with_the_objects():
    frame = b"cpandas.core.frame\nDataFrame\n0cpandas.core.indexes.base\n_new_Index\n."
    assert [finding.rule for finding in judged(frame)] == ["LEY103"]


def test_a_pickle_that_imports_thousands_of_names_is_a_bounded_number_of_findings():
    names = b"".join(b"cshop\nbuy%d\n0" % number for number in range(4_000))
    assert len(judged(names + b"N.")) < 60


def test_another_payload_under_the_same_name_is_another_finding():
    one, other = judged(b"cos\nsystem\n(Va\ntR."), judged(b"cos\nsystem\n(Vb\ntR.")
    assert one[0].key != other[0].key
