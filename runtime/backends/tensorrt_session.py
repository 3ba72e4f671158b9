"""One engine of TensorRT's, loaded and ready to run on a GPU. Untested on hardware."""

from __future__ import annotations

import threading
import weakref
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.runtime.backends.cuda_memory import Buffer, Stream
from licrt.runtime.errors import BackendError, ModelError

if TYPE_CHECKING:
    from licrt.runtime.backends import Array
    from licrt.runtime.backends.cuda_memory import Cuda, Recorded

Shape = tuple[int, ...]


class EngineSession:
    """Runs an engine; threads take turns, as they would on the GPU.

    With `record`, runs are launched by one call, as a CUDA graph, from the third one in a row of a size on.

    Raises:
        ModelError: the engine has not one output, or numbers that numpy does not have.
        BackendError: it does not start.
    """

    def __init__(self, api: Any, engine: Any, cuda: Cuda, name: str, *, record: bool) -> None:
        self._cuda, self._name = cuda, name
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        self._inputs = [each for each in names if engine.get_tensor_mode(each) == api.TensorIOMode.INPUT]
        outputs = [each for each in names if each not in self._inputs]
        if len(outputs) != 1:
            raise ModelError(f"{name} has {len(outputs)} outputs, expected one; export the model again")
        if any(engine.get_tensor_location(each) != api.TensorLocation.DEVICE for each in names):
            raise ModelError(f"{name} computes sizes from numbers of its inputs; export the model again")
        self._output = outputs[0]
        try:
            self._types = {each: np.dtype(api.nptype(engine.get_tensor_dtype(each))) for each in names}
        except TypeError as error:
            raise ModelError(f"{name}: {error}; export the model again") from error
        # Let go when the process ends, while Python and the driver are still there for what TensorRT does then.
        self._loaded = SimpleNamespace(context=engine.create_execution_context(), engine=engine)
        weakref.finalize(self, vars(self._loaded).clear)
        if self._loaded.context is None:
            raise BackendError(f"TensorRT cannot start the engine for {name}; is there enough memory on the GPU?")
        self._stream = Stream(cuda)
        self._record = record
        self._recorded: Recorded | None = None
        self._shapes: list[Shape] = []
        self._buffers: dict[str, Buffer] = {}
        self._lock = threading.Lock()

    def run(self, *inputs: Array) -> Array:
        """Run the engine on arrays, in the order of its inputs, and return its only output."""
        if len(inputs) != len(self._inputs):
            raise ModelError(f"{self._name} has {len(self._inputs)} inputs, not {len(inputs)}; export the model again")
        for name, array in zip(self._inputs, inputs, strict=True):
            if array.dtype != self._types[name]:
                raise ModelError(
                    f"{self._name} takes {self._types[name]}, and got {array.dtype}; export the model again"
                )
        with self._lock:
            shapes = [array.shape for array in inputs]
            new = shapes != self._shapes
            if new:
                self._prepare(shapes)
            for name, array in zip(self._inputs, inputs, strict=True):
                self._buffers[name].array[...] = array
            if self._recorded:
                self._recorded.launch()
            else:
                self._enqueue()
            self._stream.wait()
            output: Array = self._buffers[self._output].array.copy()
            if self._record and not new and not self._recorded:
                self._recorded = self._try_to_record()
            return output

    def _prepare(self, shapes: list[Shape]) -> None:
        """Make room for inputs of these shapes, and what comes out of them."""
        self._shapes, self._recorded = [], None  # nothing is right until all of it is
        self._buffers.clear()
        for name, shape in zip(self._inputs, shapes, strict=True):
            if not self._loaded.context.set_input_shape(name, shape):
                least, _, most = self._loaded.engine.get_tensor_profile_shape(name, 0)
                raise ModelError(
                    f"{self._name} takes {_size(least)} to {_size(most)}, and got {_size(shape)}; "
                    "export the model with --shape for this size"
                )
        out = tuple(self._loaded.context.get_tensor_shape(self._output))
        if min(out, default=0) < 0:
            raise ModelError(f"{self._name}: the size of its output depends on its numbers; export the model again")
        for name, shape in zip([*self._inputs, self._output], [*shapes, out], strict=True):
            self._buffers[name] = Buffer(self._cuda, shape, self._types[name])
            if not self._loaded.context.set_tensor_address(name, self._buffers[name].address):
                raise BackendError(f"TensorRT does not take the memory of {name} of {self._name}")
        self._shapes = shapes

    def _try_to_record(self) -> Recorded | None:
        try:
            return self._stream.record(self._enqueue)
        except BackendError:  # some engines cannot be recorded, and run as well without, if not as fast
            self._record = False
            return None

    def _enqueue(self) -> None:
        for name in self._inputs:
            self._buffers[name].send(self._stream)
        if not self._loaded.context.execute_async_v3(int(self._stream.handle)):
            raise BackendError(f"TensorRT failed to run {self._name}")
        self._buffers[self._output].fetch(self._stream)


def _size(shape: Any) -> str:
    return "x".join(map(str, shape))
