"""Ways to change a bundle's ONNX graphs: functions of a random generator and a draft."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from drafts import Draft

# In ONNX's text syntax: constants and nodes from the tensor `before` to OUTPUT.
BOMBS = {
    "Tile": "<int64[4] n = {1, 1, SIZE, 1}> { OUTPUT = Tile(before, n) }",
    "Expand": "<int64[4] n = {SIZE, 1, 1, 1}> { OUTPUT = Expand(before, n) }",
    "ConstantOfShape": """<int64[2] n = {SIZE, 3}> {
        zeros = ConstantOfShape(n)
        sum = ReduceSum<keepdims = 0>(zeros)
        OUTPUT = Add(before, sum)
    }""",
    "Range": """<float first = {0}, float end = {LESS}, float step = {1}> {
        numbers = Range(first, end, step)
        sum = ReduceSum<keepdims = 0>(numbers)
        OUTPUT = Add(before, sum)
    }""",
    "Pad": "<int64[8] n = {0, 0, 0, 0, 0, 0, LESS, 0}> { OUTPUT = Pad(before, n) }",
    "Resize": '<float[4] scales = {1, 1, LESS, 1}> { OUTPUT = Resize<mode = "nearest">(before, , scales) }',
    "Loop": """<int64 n = {SIZE}, bool go = {1}> {
        OUTPUT = Loop(n, go, before)<
            body = one (int64 i, bool go_in, float[a, b, c, d] v_in) => (bool go_out, float[a, b, c, d] v_out) {
                go_out = Identity(go_in)
                v_out = Identity(v_in)
            }
        >
    }""",
    "Einsum": """{
        many = Einsum<equation = "abcd,efgh,ijkl->abcdefghijkl">(before, before, before)
        sum = ReduceSum<keepdims = 0>(many)
        OUTPUT = Add(before, sum)
    }""",
    "If": """<bool condition = {1}> {
        OUTPUT = If(condition)<
            then_branch = yes () => (float[a, b, c, d] inner) { inner = Identity(before) },
            else_branch = no () => (float[a, b, c, d] inner) { inner = Identity(before) }
        >
    }""",
    "Scan": """{
        end, OUTPUT = Scan(before, before)<
            num_scan_inputs = 1,
            body = one (float[a, b, c, d] s_in, float[b, c, d] x_in)
                => (float[a, b, c, d] s_out, float[b, c, d] x_out) {
                s_out = Identity(s_in)
                x_out = Identity(x_in)
            }
        >
    }""",
}

_BIG = (-1, 0, 1, 2, 3, 7, 1 << 15, 1 << 31, 1 << 40, (1 << 63) - 1, -(1 << 63))
_FLOATS = (0.0, float("nan"), float("inf"), -float("inf"), 3e38, 1e-45, -1.0)


def attributes(random: Random, model: onnx.ModelProto) -> None:
    """Change numbers of strides, pads, kernels, groups and the like, or add some."""
    node = random.choice(model.graph.node)
    found = [item for item in node.attribute if item.ints or item.type == AttributeProto.INT]
    if found and random.random() < 0.8:
        item = random.choice(found)
        if item.ints:
            item.ints[random.randrange(len(item.ints))] = random.choice(_BIG)
            if random.random() < 0.2:
                item.ints.extend([random.choice(_BIG)] * random.choice((1, 3)))
        else:
            item.i = random.choice(_BIG)
    else:
        name = random.choice(
            ("strides", "pads", "dilations", "kernel_shape", "output_padding", "output_shape", "group")
        )
        number = random.choice(_BIG)
        _set(node, name, number if name == "group" else [number] * random.choice((1, 2, 4)))


def constants(random: Random, model: onnx.ModelProto) -> None:
    """Give a constant other numbers, another shape or another type."""
    tensor = random.choice(model.graph.initializer)
    action = random.choice(("values", "values", "transposed", "shorter", "empty", "type", "dims", "bytes"))
    array = numpy_helper.to_array(tensor).copy()
    if action == "values":
        integers = array.dtype.kind == "i"
        for _ in range(random.choice((1, 8, max(array.size, 1))) if array.size else 0):
            array.reshape(-1)[random.randrange(array.size)] = random.choice(_BIG if integers else _FLOATS)
    elif action == "transposed":
        array = array.T.copy()
    elif action == "shorter":
        array = array.reshape(-1)[: array.size // 2]
    elif action == "empty":
        array = np.zeros((0, *array.shape[1:]), array.dtype)
    elif action == "type":
        array = array.astype(random.choice((np.float64, np.float16, np.int64, np.uint8, np.bool_)))
    if action == "dims":  # which no longer fit the bytes that are there
        tensor.dims[:] = [random.choice((*tensor.dims, *_BIG)) for _ in range(random.randrange(1, 6))]
    elif action == "bytes":
        tensor.raw_data = array.tobytes()[: random.randrange(array.nbytes + 1)]
    else:
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def operators(random: Random, model: onnx.ModelProto) -> None:
    """Take one operator for another, of ONNX or of somebody's library."""
    node = random.choice(model.graph.node)
    node.op_type = random.choice((
        "Relu", "Sqrt", "Log", "Conv", "ConvTranspose", "GlobalAveragePool", "Shape", "NonZero", "Einsum", "TopK",
        "DFT", "Resize", "RandomNormalLike", "Identity", "Hardmax", "Det", "NoSuchOperator", "MatMul", "CumSum",
    ))  # fmt: skip
    if random.random() < 0.3:
        node.domain = random.choice(("com.microsoft", "ai.onnx.ml", "com.example", "ai.onnx.training"))
        model.opset_import.append(helper.make_opsetid(node.domain, 1))


def bombs(random: Random, model: onnx.ModelProto) -> None:
    """Put in front of the output what makes much of little: memory, time, or both."""
    size = random.choice((1 << 10, 1 << 20, 1 << 40, (1 << 63) - 1))
    text = BOMBS[random.choice(list(BOMBS))]
    last, output = model.graph.node[-1].output[0], model.graph.output[0].name
    model.graph.node[-1].output[0] = "before"
    for node in model.graph.node:
        node.input[:] = ["before" if name == last else name for name in node.input]
    text = text.replace("OUTPUT", output).replace("SIZE", str(size)).replace("LESS", str(min(size, 1 << 30)))
    bomb = onnx.parser.parse_graph(f"bomb (float[a, b, c, d] before) => (float[e, f, g, h] {output}) {text}")
    model.graph.node.extend(bomb.node)
    model.graph.initializer.extend(bomb.initializer)


def external(random: Random, model: onnx.ModelProto) -> None:
    """Say that a constant is in another file, anywhere on the machine."""
    tensor = random.choice(model.graph.initializer)
    tensor.data_location = TensorProto.EXTERNAL
    size = len(tensor.raw_data) or 4
    if random.random() < 0.8:
        tensor.ClearField("raw_data")
    del tensor.external_data[:]
    location = random.choice((
        "/etc/passwd", "../../../../../../etc/passwd", "/dev/zero", "/proc/self/environ", "entropy.safetensors",
        "README.md", "", ".", "*/_ORT_MEM_ADDR_/*", "x\0y", "docs/../README.md", "/etc/hostname",
    ))  # fmt: skip
    offset = random.choice((0, 0, 1, 1 << 40, -1, 1 << 63, 140737488355328))
    for key, value in (("location", location), ("offset", offset), ("length", random.choice((size, size, 0, 1 << 40)))):
        if key == "location" or random.random() < 0.7:
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(value)


def ends(random: Random, model: onnx.ModelProto) -> None:
    """Change what goes in and out: names, types, sizes, numbers."""
    graph = model.graph
    item = random.choice((graph.input[0], graph.output[0]))
    action = random.choice(("type", "dims", "name", "more", "none", "sequence"))
    if action == "type":
        item.type.tensor_type.elem_type = random.choice((2, 6, 7, 8, 9, 10, 11, 16, 99))
    elif action == "dims":
        for dim in item.type.tensor_type.shape.dim:
            dim.dim_value = random.choice(_BIG)
    elif action == "name":
        item.name = random.choice(("", "other", graph.input[0].name, graph.output[0].name))
    elif action == "more":
        random.choice((graph.input, graph.output)).append(item)
        graph.output[-1].name = random.choice((item.name, "other", graph.node[0].output[0]))
    elif action == "none":
        random.choice((graph.input, graph.output)).pop()
    else:
        item.type.sequence_type.elem_type.tensor_type.elem_type = 1


def wiring(random: Random, model: onnx.ModelProto) -> None:
    """Connect nodes in other ways: circles, missing inputs, twice the same output, dropped and repeated nodes."""
    graph = model.graph
    node, other = random.choice(graph.node), random.choice(graph.node)
    action = random.choice(("circle", "missing", "same", "drop", "repeat", "many", "reverse"))
    if action == "circle":
        node.input[0] = graph.node[-1].output[0]
    elif action == "missing":
        node.input[random.randrange(len(node.input))] = random.choice(("", "nowhere"))
    elif action == "same":
        node.output[0] = other.output[0]
    elif action == "drop":
        graph.node.remove(node)
    elif action == "repeat":
        graph.node.append(node)
    elif action == "reverse":
        node.input[:] = list(reversed(node.input))
    else:
        last = graph.node[-1].output[0]
        for number in range(2000):
            name = f"deep{number}"
            graph.node.append(helper.make_node("Sqrt", [last], [name]))
            last = name
        graph.output[0].name = last


def versions(random: Random, model: onnx.ModelProto) -> None:
    """Change versions, or add functions, metadata and whatever else a model may have."""
    action = random.choice(("ir", "opset", "domain", "function", "recursive", "none", "training"))
    if action == "ir":
        model.ir_version = random.choice((0, 1, 3, 12, 99, 1 << 40))
    elif action == "opset":
        model.opset_import[0].version = random.choice((0, 1, 6, 7, 21, 26, 99, 1 << 40, -1))
    elif action == "domain":
        model.opset_import[0].domain = random.choice(("x", "com.microsoft", "ai.onnx.ml"))
    elif action == "none":
        del model.opset_import[:]
    elif action == "training":
        model.training_info.add().algorithm.CopyFrom(model.graph)
    else:
        inner = "F" if action == "recursive" else "Sqrt"
        domain = "own" if action == "recursive" else ""
        nodes = [helper.make_node(inner, ["a"], ["b"], domain=domain)]
        imports = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
        model.functions.append(helper.make_function("own", "F", ["a"], ["b"], nodes, imports))
        model.opset_import.append(imports[1])
        node = model.graph.node[-1]
        name, node.output[0] = node.output[0], "before"
        model.graph.node.append(helper.make_node("F", ["before"], [name], domain="own"))


def octets(random: Random, draft: Draft) -> None:
    """Damage the bytes of a graph."""
    name = random.choice(sorted(draft.files))
    data = bytearray(draft.files[name])
    action = random.choice(("bits", "bits", "head", "cut", "twice", "empty", "noise"))
    span = min(200, len(data)) if action == "head" else len(data)
    if action in ("bits", "head"):
        for _ in range(random.choice((1, 4, 32))):
            data[random.randrange(span)] ^= 1 << random.randrange(8)
    elif action == "cut":
        del data[random.randrange(len(data)) :]
    elif action == "twice":
        data *= 2
    elif action == "empty":
        data.clear()
    else:
        data[:] = random.randbytes(random.choice((1, 100, 10000)))
    draft.files[name] = bytes(data)


def roles(random: Random, draft: Draft) -> None:
    """Take one role's graph for another's, or leave it out."""
    graphs = draft.manifest["graphs"]
    first, second = random.choice(list(graphs)), random.choice(list(graphs))
    if random.random() < 0.2:
        del graphs[first]
    else:
        graphs[first], graphs[second] = graphs[second], graphs[first]
    if second in graphs and random.random() < 0.3:
        graphs[second]["halo"] = random.choice((0, 1, 4096))


def _in_a_graph(change: Callable[[Random, onnx.ModelProto], None]) -> Callable[[Random, Draft], None]:
    """Return the mutation that changes one graph in such a way that it remains a message of ONNX's format."""

    @functools.wraps(change)
    def mutation(random: Random, draft: Draft) -> None:
        name = random.choice(sorted(draft.files))
        model = onnx.load_model_from_string(draft.files[name])
        change(random, model)
        draft.files[name] = model.SerializeToString()

    return mutation


def _set(node: onnx.NodeProto, name: str, value: object) -> None:
    for number, item in enumerate(node.attribute):
        if item.name == name:
            del node.attribute[number]
            break
    node.attribute.append(helper.make_attribute(name, value))


_CHANGES = (attributes, attributes, constants, constants, operators, bombs, bombs, external, ends, wiring, versions)
MUTATIONS = (*map(_in_a_graph, _CHANGES), octets, roles)
