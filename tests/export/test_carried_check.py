"""What export does to be sure of a hyper-synthesis for accelerators; test_bundle.py has the bundles."""

from __future__ import annotations

import dataclasses

import pytest
from references.carried_bundles import network_of_model

from licrt.export.carried import carried_graph
from licrt.export.carried_check import check_carried
from licrt.runtime.errors import ModelError


@pytest.mark.parametrize("name", ["mbt2018-mean-vbr", "cheng2020-anchor"])
def test_another_network_is_found_out(name):
    """One weight of the first layer is off by one; at the last rate point, one threshold is."""
    network = network_of_model(name)
    check_carried(network, carried_graph(network))
    first = network.layers[0]
    weight = first.weight.copy()
    weight[0, 0, 0, 0] += 1 << int(first.shift.max() - 10)
    wrong = dataclasses.replace(network, layers=(dataclasses.replace(first, weight=weight), *network.layers[1:]))
    with pytest.raises(ModelError, match="differs from the native engine with optimisation 'disabled' and 1 threads"):
        check_carried(network, carried_graph(wrong))
