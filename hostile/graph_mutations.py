"""Ways to change a bundle's ONNX graphs: functions of a random generator and a draft."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from drafts import Draft

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
    kind = random.choice(
        ("Tile", "Expand", "ConstantOfShape", "Range", "Pad", "Resize", "Loop", "Einsum", "If", "Scan")
    )
    last = model.graph.node[-1].output[0]
    output = model.graph.output[0].name
    model.graph.node[-1].output[0] = "before"
    for node in model.graph.node:
        node.input[:] = ["before" if name == last else name for name in node.input]

    def constant(name: str, *values: float, dtype: type = np.int64) -> str:
        model.graph.initializer.append(numpy_helper.from_array(np.array(values, dtype), name))
        return name

    def scalar(name: str, value: int, dtype: type) -> str:
        model.graph.initializer.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def add(op_type: str, inputs: list[str], outputs: list[str], **values: object) -> None:
        model.graph.node.append(helper.make_node(op_type, inputs, outputs, **values))

    def body(outputs: list[str], nodes: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto]) -> onnx.GraphProto:
        infos = [helper.make_tensor_value_info(name, TensorProto.BOOL if "go" in name else 1, None) for name in outputs]
        return helper.make_graph(nodes, "body", inputs, infos)

    if kind == "Tile":
        add("Tile", ["before", constant("n", 1, 1, size, 1)], [output])
    elif kind == "Expand":
        add("Expand", ["before", constant("n", size, 1, 1, 1)], [output])
    elif kind == "ConstantOfShape":
        add("ConstantOfShape", [constant("n", size, 3)], ["zeros"])
        add("ReduceSum", ["zeros"], ["sum"], keepdims=0)
        add("Add", ["before", "sum"], [output])
    elif kind == "Range":
        names = [scalar("a", 0, np.float32), scalar("b", min(size, 1 << 40), np.float32), scalar("c", 1, np.float32)]
        add("Range", names, ["numbers"])
        add("ReduceSum", ["numbers"], ["sum"], keepdims=0)
        add("Add", ["before", "sum"], [output])
    elif kind == "Pad":
        add("Pad", ["before", constant("n", 0, 0, 0, 0, 0, 0, min(size, 1 << 40), 0)], [output])
    elif kind == "Resize":
        scales = constant("n", 1, 1, float(min(size, 1 << 20)), 1, dtype=np.float32)
        add("Resize", ["before", "", scales], [output], mode="nearest")
    elif kind == "Einsum":
        add("Einsum", ["before", "before", "before"], ["many"], equation="abcd,efgh,ijkl->abcdefghijkl")
        add("ReduceSum", ["many"], ["sum"], keepdims=0)
        add("Add", ["before", "sum"], [output])
    elif kind == "Loop":
        state = [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_in", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ]
        nodes = [helper.make_node("Identity", ["go_in"], ["go_out"]), helper.make_node("Identity", ["v"], ["v_out"])]
        names = [scalar("n", size, np.int64), scalar("go", 1, np.bool_), "before"]
        add("Loop", names, [output], body=body(["go_out", "v_out"], nodes, state))
    elif kind == "If":
        nodes = [helper.make_node("Identity", ["before"], ["inner"])]
        branch = body(["inner"], nodes, [])
        add("If", [scalar("condition", 1, np.bool_)], [output], then_branch=branch, else_branch=branch)
    else:
        state = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("s", "x_one")]
        nodes = [helper.make_node("Identity", ["s"], ["s_out"]), helper.make_node("Identity", ["x_one"], ["y_one"])]
        add(
            "Scan",
            ["before", "before"],
            ["end", output],
            num_scan_inputs=1,
            body=body(["s_out", "y_one"], nodes, state),
        )


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


CHANGES = (attributes, attributes, constants, constants, operators, bombs, bombs, external, ends, wiring, versions)


def graph(random: Random, draft: Draft, change: Callable[[Random, onnx.ModelProto], None]) -> None:
    """Change one graph in such a way that it remains a message of ONNX's format."""
    name = random.choice(sorted(draft.files))
    model = onnx.load_model_from_string(draft.files[name])
    change(random, model)
    draft.files[name] = model.SerializeToString()


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


def _set(node: onnx.NodeProto, name: str, value: object) -> None:
    for number, item in enumerate(node.attribute):
        if item.name == name:
            del node.attribute[number]
            break
    node.attribute.append(helper.make_attribute(name, value))
