"""TensorRT takes carried graphs, and builds engines of them for the sizes that decoders use, which needs no GPU."""

from __future__ import annotations

import importlib

import pytest
from conftest import lane
from references.carried_bundles import HYPERPRIORS, network_of_model

from licrt.export.carried import carried_graph
from licrt.runtime.carried_graph import shapes_of


@pytest.fixture(scope="module")
def trt():
    """The module. A `Runtime` of it, where there is no driver, would take the process down."""
    lane("tensorrt")
    return importlib.import_module("tensorrt_rtx")


@pytest.mark.parametrize("name", HYPERPRIORS)
def test_engines_are_built(name, trt):
    """Strongly typed and without TF32, as the numbers need none of it."""
    network = network_of_model(name)
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    definition = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(definition, logger)
    assert parser.parse(carried_graph(network)), [parser.get_error(number) for number in range(parser.num_errors)]
    shapes = shapes_of(network.input_offset.size, chooses=network.rate_points > 1)
    assert [definition.get_input(number).name for number in range(definition.num_inputs)] == list(shapes)
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    config.clear_flag(trt.BuilderFlag.TF32)
    for each, sizes in shapes.items():
        profile.set_shape(each, *sizes)
    assert config.add_optimization_profile(profile) == 0
    assert definition.get_output(0).dtype == trt.DataType.FLOAT
    engine = builder.build_serialized_network(definition, config)
    assert engine is not None
    assert engine.nbytes > 100_000
