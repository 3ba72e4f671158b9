"""An ONNX graph to an engine of TensorRT's, by either of its Python modules. Needs no GPU with `tensorrt_rtx`.

One way for `tensorrt` 10 (JetPack 6 has 10.3) and 11 and for `tensorrt_rtx`: a strongly typed network, whose precisions
are those of the graph, with TF32 off, so that float32 is float32.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from licrt.runtime.backends.tensorrt_progress import Progress
from licrt.runtime.backends.unusable import UnusableError
from licrt.runtime.errors import ModelError, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from licrt.runtime.backends import Shapes

MODULES = ("tensorrt", "tensorrt_rtx")
OLDEST = 10
WORKSPACE = 1 << 30  # bytes that an engine may take beside weights and activations
# What an engine is built with beside graph and shapes; another word, another key of the cache.
PRECISION = "strongly typed, no TF32"


class TensorRt(NamedTuple):
    """One of the modules, and where its messages go. The logger must live as long as anything that was made with it."""

    name: str
    api: Any
    logger: Any

    @property
    def version(self) -> str:
        """The version, such as 10.3.0."""
        return str(self.api.__version__)


class Built(NamedTuple):
    """A serialised engine, and the timings that the next build can use; None where the builder keeps none."""

    engine: bytes
    timings: bytes | None


def import_tensorrt(name: str) -> TensorRt:
    """Return a module of `MODULES`.

    Raises:
        UnusableError: it cannot be imported, or is too old.
    """
    try:
        api = importlib.import_module(name)
    except Exception as error:  # its own checks of libraries raise whatever they like
        raise UnusableError(f"{name} cannot be imported ({first_line(error)})") from error
    if name == "tensorrt" and int(str(api.__version__).split(".")[0]) < OLDEST:
        raise UnusableError(f"{name} is version {api.__version__}, and {OLDEST} or later is needed")

    base: Any = api.ILogger

    class Messages(base):  # type: ignore[misc]
        """Keeps errors, which explain what then returns None."""

        def __init__(self) -> None:
            super().__init__()
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (api.ILogger.ERROR, api.ILogger.INTERNAL_ERROR):
                self.errors = [*self.errors[-7:], message]

    return TensorRt(name, api, Messages())


def build_engine(
    tensorrt: TensorRt, graph: bytes, name: str, shapes: Mapping[str, Shapes], timings: bytes | None = None
) -> Built:
    """Build an engine: seconds on a large GPU, minutes on a small board. An interrupt ends it.

    Args:
        tensorrt: the module.
        graph: the bytes of an ONNX file.
        name: for messages.
        shapes: by name, of each input; equal ones are one fixed shape.
        timings: of an earlier build.

    Raises:
        ModelError: TensorRT cannot parse the graph, or there is no engine for it and these shapes.
    """
    trt, errors = tensorrt.api, tensorrt.logger.errors
    errors.clear()
    builder = trt.Builder(tensorrt.logger)
    network = builder.create_network(_flags(trt))
    parser = trt.OnnxParser(network, tensorrt.logger)
    if not parser.parse(graph):
        reasons = "; ".join(parser.get_error(index).desc() for index in range(parser.num_errors))
        raise ModelError(f"{_label(tensorrt)} cannot read {name}: {first_line(ValueError(reasons))}")
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE)
    if config.add_optimization_profile(_profile(builder, network, name, shapes)) < 0:
        raise ModelError(f"{_label(tensorrt)} cannot build {name} for {dict(shapes)}: least, best and most must ascend")
    timed = tensorrt.name == "tensorrt"  # tensorrt_rtx compiles kernels where they run, and times none
    if timed and not config.set_timing_cache(config.create_timing_cache(timings or b""), False):
        config.set_timing_cache(config.create_timing_cache(b""), False)
    progress = Progress(trt, f"building an engine of {_label(tensorrt)} for {name}", sys.stderr)
    config.progress_monitor = progress.monitor
    engine = builder.build_serialized_network(network, config)
    progress.end()
    if engine is None:
        reason = first_line(ValueError(tensorrt.logger.errors[-1] if tensorrt.logger.errors else "no reason given"))
        raise ModelError(f"{_label(tensorrt)} cannot build an engine for {name}: {reason}")
    return Built(bytes(engine), bytes(config.get_timing_cache().serialize()) if timed else None)


def _flags(trt: Any) -> int:
    """Return the flags of a strongly typed network, which from version 11 on is the only kind, and needs none."""
    flags: Any = getattr(trt, "NetworkDefinitionCreationFlag", None)
    return 1 << int(flags.STRONGLY_TYPED) if hasattr(flags, "STRONGLY_TYPED") else 0


def _profile(builder: Any, network: Any, name: str, shapes: Mapping[str, Shapes]) -> Any:
    profile = builder.create_optimization_profile()
    names = [network.get_input(index).name for index in range(network.num_inputs)]
    if set(names) != set(shapes):
        raise ModelError(f"{name} has inputs {', '.join(names)}, but shapes are given of {', '.join(shapes) or 'none'}")
    for each in names:
        try:
            profile.set_shape(each, *shapes[each])
        except Exception as error:  # numbers that are too large for it, or in the wrong order
            raise ModelError(f"{name} cannot be built for {shapes[each]} of {each}: {first_line(error)}") from error
    return profile


def _label(tensorrt: TensorRt) -> str:
    return f"{tensorrt.name} {tensorrt.version}"


def check_module(tensorrt: TensorRt) -> None:
    """Raise UnusableError unless an engine can be built at all."""
    try:
        tensorrt.api.Builder(tensorrt.logger).create_builder_config()
    except Exception as error:
        raise UnusableError(f"{_label(tensorrt)} does not start: {first_line(error)}") from error
