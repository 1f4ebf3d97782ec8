import pytest
from benchmarks.audit.making import onnx, proto
from tests.audit.artifacts.reading import cuts, opened, rules

from leyden.audit.artifacts.onnx import looks_like_model, read_onnx

LOCATION = proto(13, proto(1, b"location") + proto(2, b"../../etc/passwd"))
TENSOR = proto(1, 3) + proto(8, b"w") + LOCATION


def model(graph):
    return proto(1, 8) + proto(7, proto(2, b"g") + graph)


def attribute(content):
    return proto(1, proto(4, b"If") + proto(5, proto(1, b"a") + content))


def read(content):
    return rules(read_onnx(opened(content, "model.onnx")))


@pytest.mark.parametrize("location", [None, "model.onnx.data", "weights/a.bin"])
def test_a_model_with_its_data_beside_it_is_in_order(location):
    assert looks_like_model(memoryview(onnx(location)))
    assert read(onnx(location)) == []


@pytest.mark.parametrize(
    "graph",
    [proto(5, TENSOR), attribute(proto(5, TENSOR)), attribute(proto(6, proto(5, TENSOR))), proto(15, proto(1, TENSOR)),
     attribute(proto(11, proto(5, TENSOR)))],
    ids=["initializer", "attribute", "graph in a graph", "sparse", "graphs"],
)  # fmt: skip
def test_a_path_that_leads_out_is_told_wherever_the_tensor_is(graph):
    assert read(model(graph)) == ["LEY122"]


def test_the_order_of_the_fields_does_not_matter():
    turned = proto(7, proto(2, b"g") + proto(5, TENSOR)) + proto(1, 8)
    assert looks_like_model(memoryview(turned))
    assert read(turned) == ["LEY122"]


def test_a_graph_that_is_very_deep_is_told():
    graph = proto(5, TENSOR)
    for _ in range(120):
        graph = attribute(proto(6, graph))
    assert read(model(graph)) == ["LEY002"]


@pytest.mark.parametrize("text", [b"(a text: with words)", b":note", b'"quoted"\n', b"\x08\x01", b""])
def test_text_is_no_model(text):
    assert not looks_like_model(memoryview(text))


def test_a_model_cut_anywhere_is_told():
    content = onnx("../a")
    whole = [len(proto(1, 8)), len(proto(1, 8) + proto(2, b"corpus"))]  # between two fields
    silent = [n for n, found in cuts(read_onnx, content) if n and not found and n not in whole]
    assert silent == []
