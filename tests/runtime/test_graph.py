"""Graphs that would read files, loop for ever or run others' code are refused before an engine sees them."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from references.bundles import replace_graph
from references.synthetic import KINDS, write_bundle
from references.tiny_photo import photo

from licrt.runtime import Codec
from licrt.runtime.backends import open_backend
from licrt.runtime.errors import ModelError
from licrt.runtime.graph import check_graph

SECRET = b"this is in a file beside the bundle, or anywhere on the machine......" * 40


@pytest.fixture
def bundle(tmp_path):
    return write_bundle(tmp_path / "bundle")


def model(*nodes, constants=(), domains=("",)):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes or [helper.make_node("Concat", ["x", "w"], ["y"], axis=0)],
        "g",
        [value("x", TensorProto.FLOAT, ["n"])],
        [value("y", TensorProto.FLOAT, ["m"])],
        list(constants),
    )
    imports = [helper.make_opsetid(domain, 18 if domain == "" else 1) for domain in domains]
    return helper.make_model(graph, ir_version=9, opset_imports=imports)


def constant(size=1):
    return numpy_helper.from_array(np.ones(size, np.float32), "w")


def outside(location, **entries):
    tensor = constant(len(SECRET) // 4)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "length": len(SECRET), **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def loop():
    body = helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in ("go", "v")],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_out", TensorProto.BOOL, None),
            helper.make_tensor_value_info("v_out", TensorProto.FLOAT, None),
        ],
    )
    count = numpy_helper.from_array(np.array(1 << 62), "count")
    return model(helper.make_node("Loop", ["count", "", "x"], ["y"], body=body), constants=[count])


def with_function():
    made = model(helper.make_node("Relu", ["x"], ["y"]))
    nodes = [helper.make_node("Sqrt", ["a"], ["b"])]
    made.functions.append(helper.make_function("own", "F", ["a"], ["b"], nodes, [helper.make_opsetid("", 18)]))
    return made


def in_attribute():
    return model(helper.make_node("Constant", [], ["y"], value=outside("secret")))


def sparse():
    made = model(helper.make_node("Relu", ["x"], ["y"]))
    indexes = numpy_helper.from_array(np.array([0]), "i")
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(constant(1), indexes, [1 << 40]))
    return made


def segmented():
    made = model(constants=[constant()])
    made.graph.initializer[0].segment.end = 1
    return made


def trained():
    made = model(constants=[constant()])
    made.training_info.add().algorithm.CopyFrom(made.graph)
    return made


REFUSED = {
    "a file": (model(constants=[outside("secret")]), "constant with data in another file"),
    "a file, in an attribute": (in_attribute(), "constant with data in another file"),
    "memory": (model(constants=[outside("*/_ORT_MEM_ADDR_/*", offset=1 << 40)]), "constant with data in another file"),
    "a loop": (loop(), "node with a graph"),
    "somebody's operator": (
        model(helper.make_node("Inverse", ["x"], ["y"], domain="com.microsoft")),
        "node with an operator that is none of the ONNX standard",
    ),
    "somebody's operators": (
        model(constants=[constant()], domains=("", "com.example")),
        "list with operators that are none of the ONNX standard",
    ),
    "a function": (with_function(), "file with functions"),
    "sparse constants": (sparse(), "graph with sparse constants"),
    "segments": (segmented(), "constant with segments"),
    "a training": (trained(), "file with a training loop"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_graphs_that_reach_further_are_refused(what):
    made, reason = REFUSED[what]
    with pytest.raises(ModelError, match=f"^the graph has a .*({reason})"):
        check_graph(made.SerializeToString(), "the graph")


def test_what_bundles_have_is_accepted(tmp_path):
    for number, options in enumerate(KINDS.values()):
        for file in write_bundle(tmp_path / str(number), **options).glob("*.onnx"):
            check_graph(file.read_bytes(), file.name)
    check_graph(model(constants=[constant()], domains=("ai.onnx",)).SerializeToString(), "a graph")


def test_a_file_cut_anywhere_is_refused_or_a_smaller_message():
    data = model(constants=[constant(3)]).SerializeToString()
    for size in range(len(data)):
        try:
            check_graph(data[:size], "the graph")
        except ModelError as error:
            assert "is not an ONNX file" in str(error)
        else:
            onnx.ModelProto.FromString(data[:size])


@pytest.mark.parametrize(
    "data",
    [b"\x3b", b"\x3e\x00", b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x80" * 11, b"\x09\x00", b"\x3a\x05\x00"],
    ids=["group", "no wire type", "endless length", "endless tag", "short number", "short message"],
)
def test_what_is_no_message_is_refused(data):
    with pytest.raises(ModelError, match="is not an ONNX file"):
        check_graph(data, "the graph")


def test_a_file_of_two_formats_is_refused(tmp_path):
    """ONNX Runtime takes it for its own format, whose graphs nobody has checked, and protocol buffers read text."""
    flat = flat_model(tmp_path / "flat")
    root = 0x04120308  # ir_version 3, then text of 4 bytes: those that mark the format
    body = bytes(root - int.from_bytes(flat[:4], "little")) + flat[8:]
    text = len(body) - 6  # the rest is text too, of this many bytes
    length = bytes((text >> 7 * place & 127) | (128 if place < 4 else 0) for place in range(5))
    both = root.to_bytes(4, "little") + b"ORTM" + b"\x32" + length + body[6:]
    assert onnx.ModelProto.FromString(both).ir_version == 3
    session = onnxruntime.InferenceSession(both, providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.float32([-1, 2])})[0].tolist() == [0, 2]
    with pytest.raises(ModelError, match="the graph is in a format of ONNX Runtime's own"):
        check_graph(both, "the graph")
    with pytest.raises(ModelError, match="onnxruntime cannot load it"):
        open_backend("cpu", 1).load(both, "it")


def flat_model(file):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(file)
    options.log_severity_level = 4
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    graph = model(helper.make_node("Relu", ["x"], ["y"])).SerializeToString()
    onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return file.read_bytes()


@pytest.mark.parametrize("data", [b"\xf2\x01\x00", b"\x38\x01", b"\x3d\x00\x00\x00\x00", b"\xa2\x02\x00"])
def test_fields_that_nobody_has_looked_at_are_refused(data):
    with pytest.raises(ModelError, match=r"file with an unknown field \d+"):
        check_graph(data, "the graph")


def test_a_bundle_reads_no_other_file(bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_bytes(SECRET)
    graph = model(constants=[outside("secret")]).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (read,) = session.run(None, {"x": np.zeros(0, np.float32)})
    assert read.tobytes() == SECRET  # what an engine would do
    codec = Codec.load(bundle, threads=1)
    stream = codec.encode(photo(16, 16))
    replace_graph(bundle, "synthesis", graph)
    with pytest.raises(ModelError, match="its synthesis graph has a constant with data in another file"):
        Codec.load(bundle, threads=1).decode(stream)


def test_a_bundle_does_not_loop(bundle):
    replace_graph(bundle, "analysis", loop().SerializeToString())
    with pytest.raises(ModelError, match="its analysis graph has a node with a graph"):
        Codec.load(bundle, threads=1).encode(photo(16, 16))
