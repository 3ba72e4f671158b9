"""What graphs are exported for: any engine, or TensorRT, which is told sizes and precision beforehand.

By default graphs take any size up to that of a tile, so that every picture comes out as if it were not cut. An engine
of one fixed size must pad smaller pictures, which costs at their rims (docs/adr/0018-tiles-for-tensorrt.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from licrt.export.half import store_exactly
from licrt.export.pictures import fix_size, gives_bytes, takes_bytes
from licrt.export.precision import lower
from licrt.export.rewrites import by_phase
from licrt.runtime.bundle import MAX_SIDE, Sizes
from licrt.runtime.errors import ModelError
from licrt.runtime.shapes import hyper_sizes

if TYPE_CHECKING:
    import onnx

# Pixels of a tile's side, halo included: with a halo of 32 a 1080p picture takes 6 tiles and 1.14 times the work of the
# whole, at 512 it takes 15 and 1.34 times.
TILE = 768
_STEP = 256


@dataclass(frozen=True)
class TensorRt:
    """Graphs for TensorRT: 8-bit pictures, one precision, and fixed or bounded sizes.

    Attributes:
        precision: "fp16", "bf16" or "fp32".
        sizes: heights and widths in pixels that analysis and synthesis are run on, halo included; None for tiles whose
            side fits the model's halo, and smaller pictures as they are.
    """

    precision: str = "fp16"
    sizes: Sizes | None = None

    def for_model(self, stride: int, halos: dict[str, int]) -> TensorRt:
        """Return this target with its sizes chosen and checked.

        Args:
            stride: pixels per latent sample.
            halos: of the graphs of analysis and synthesis, in samples of their inputs.

        Raises:
            ModelError: sizes are no multiples of the stride, or a tile would be all halo.
        """
        pixels = {"analysis": 1, "synthesis": stride}
        # Tiles begin at whole latents, so that is what a halo takes.
        halo = max(-(-each * pixels[role] // stride) * stride for role, each in halos.items())
        if self.sizes is None:
            # Half of a tile's side is not halo: wider halos need larger tiles.
            side = -(-max(TILE, 4 * halo) // _STEP) * _STEP
            side = -(-side // stride) * stride
            return TensorRt(self.precision, Sizes((stride, stride), (side, side), (side, side)))
        if any(side % stride for size in self.sizes for side in size):
            raise ModelError(f"sizes {_words(self.sizes)}: expected multiples of the model's stride, {stride}")
        if min(self.sizes.most) <= 2 * halo:
            raise ModelError(
                f"sizes {_words(self.sizes)}: the networks see {halo} pixels around what they give; expected a largest "
                f"size of at least {2 * halo + stride}"
            )
        return self

    def build(self, graph: onnx.ModelProto, role: str, stride: int, hyper_stride: int, halo: int) -> dict[str, Any]:
        """Return what the manifest says of a graph for this target, with the graph itself as `data`.

        Args:
            graph: float32, of any size, as `licrt.export.graphs.to_onnx` makes it. It is left alone.
            role: its role in the bundle.
            stride, hyper_stride: of the model.
            halo: of the graph.
        """
        if self.sizes is None:
            raise TypeError("sizes are chosen by for_model")
        model = lower(by_phase(graph) if self.precision == "bf16" else graph, self.precision)
        sizes = self.sizes
        if role == "analysis":
            takes_bytes(model)
        elif role == "synthesis":
            gives_bytes(model)
            sizes = Sizes(*((height // stride, width // stride) for height, width in sizes))
        else:  # its work is little, and its latents are all there: it takes any size up to a large one
            sizes = hyper_sizes(stride, hyper_stride, halo)
        if sizes.least == sizes.most:
            fix_size(model, *sizes.most, first=1 if role == "analysis" else 2)
        store_exactly(model)
        pixels = {} if role == "hyper_analysis" else {"pixels": "uint8"}
        return {
            "data": model.SerializeToString(deterministic=True),
            "precision": self.precision,
            **pixels,
            "shapes": {name: list(size) for name, size in sizes._asdict().items()},
            "trtexec": trtexec(role, sizes, graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value),
        }


def trtexec(role: str, sizes: Sizes, channels: int) -> str:
    """Return the command that builds an engine of a graph beside it, for TensorRT 10.3 and later.

    Types are those of the graph: 10.x needs `--stronglyTyped` for that, and 11 accepts it. TF32 would round what the
    graph keeps in float32.

    >>> trtexec("synthesis", Sizes((1, 1), (48, 48), (48, 48)), 192).partition("--noTF32 ")[2]
    '--minShapes=input:1x192x1x1 --optShapes=input:1x192x48x48 --maxShapes=input:1x192x48x48'
    """
    command = f"trtexec --onnx={role}.onnx --saveEngine={role}.engine --stronglyTyped --noTF32"
    if sizes.least != sizes.most:
        for flag, (height, width) in zip(("min", "opt", "max"), sizes, strict=True):
            shape = f"{height}x{width}x{channels}" if role == "analysis" else f"{channels}x{height}x{width}"
            command += f" --{flag}Shapes=input:1x{shape}"
    return command


def parse_tile(text: str) -> Sizes:
    """Read one size: pixels of a square's side, or HEIGHTxWIDTH.

    >>> parse_tile("512").best, parse_tile("1088x1920").most
    ((512, 512), (1088, 1920))

    Raises:
        ValueError: it is none.
    """
    sides = [int(side) if side.isdecimal() else 0 for side in text.split("x")]
    if len(sides) not in (1, 2) or not all(0 < side <= MAX_SIDE for side in sides):
        raise ValueError(f"expected pixels of a side, or HEIGHTxWIDTH, found {text!r}")
    size = (sides[0], sides[-1])
    return Sizes(size, size, size)


def parse_shapes(text: str) -> Sizes:
    """Read three sizes, smallest, usual and largest.

    >>> parse_shapes("256,1088x1920,2048")
    Sizes(least=(256, 256), best=(1088, 1920), most=(2048, 2048))

    Raises:
        ValueError: they are not three sizes, each at least as large as the one before.
    """
    sizes = [parse_tile(part).best for part in text.split(",")]
    if len(sizes) != 3 or any(sorted(sides) != [*sides] for sides in zip(*sizes, strict=True)):
        raise ValueError(f"expected MIN,OPT,MAX, each at least as large as the one before, found {text!r}")
    return Sizes(*sizes)


def _words(sizes: Sizes) -> str:
    return ", ".join(f"{height}x{width}" for height, width in dict.fromkeys(sizes))
