"""Pictures to streams and back, with one model: `Codec.load("default")`, `.encode(rgb)`, `.decode(data)`."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from licrt.runtime import container, models, pipeline
from licrt.runtime.backends import Backend, default_threads, open_backend
from licrt.runtime.bundle import Bundle, load_bundle
from licrt.runtime.container import MAX_PIXELS, Section, Stream
from licrt.runtime.entropy import Payload, Prepared, Symbols, load_entropy_model
from licrt.runtime.errors import enough_memory
from licrt.runtime.latents import latent_crc
from licrt.runtime.memory import expect_memory
from licrt.runtime.parsing import Parser
from licrt.runtime.pixels import expect_picture, expect_room
from licrt.runtime.rate import Rate, highest_that_fits
from licrt.runtime.timing import OnStage, stage
from licrt.runtime.transforms import Transforms

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping
    from pathlib import Path

    from licrt.runtime.models import ModelInfo

Rgb = npt.NDArray[np.uint8]
Int = npt.NDArray[np.int32]


@dataclass(frozen=True)
class DecodedImage:
    """What a stream holds: pixels, and the metadata that came along."""

    rgb: Rgb
    alpha: bytes | None
    icc: bytes | None
    exif: bytes | None


class Codec:
    """One model, loaded. Safe to use from several threads at once; owns its inference sessions.

    >>> codec = Codec.load("default", threads=1)
    >>> codec.decode(codec.encode(np.full((5, 7, 3), 128, np.uint8))).shape
    (5, 7, 3)
    """

    @enough_memory("model")
    def __init__(self, bundle: Bundle, backend: Backend, threads: int) -> None:
        self._bundle = bundle
        self._backend = backend
        self._threads = threads
        self._entropy = load_entropy_model(bundle)
        self._transforms = Transforms(bundle, backend)
        self._shares: dict[int, Codec] = {}
        self._parser = Parser(bundle, self._entropy, backend)

    @classmethod
    def load(cls, model: str | Path = models.DEFAULT, device: str = "auto", threads: int | None = None) -> Codec:
        """Load a model by name, id or bundle directory.

        Args:
            model: as `licrt.runtime.models.find` takes it.
            device: "cpu", "cuda", "tensorrt", or "auto" for the best that really loads.
            threads: threads for one call; None for all CPUs that this process may use.

        Raises:
            ModelError: no such model, or its files are damaged.
            PictureError: there is not enough memory for it.
            BackendError: the device or its engine is not available.
        """
        threads, bundle = threads or default_threads(), load_bundle(models.find(model))
        return cls(bundle, open_backend(device, threads, target=bundle.target), threads)

    @property
    def info(self) -> ModelInfo:
        """Name, id and training of the model."""
        return models.describe(self._bundle)

    @property
    def engine(self) -> Mapping[str, str | int]:
        """Engine, version, provider and threads in use, for reports."""
        return {**self._transforms.describe(), **self._parser.describe()}

    @property
    def threads(self) -> int:
        """How many threads one call uses."""
        return self._threads

    def shared_by(self, callers: int) -> Codec:
        """Return a codec of the same model for so many threads at a time, on no more CPUs than one call uses here.

        Both have the model in common, but for float networks whose sessions run on CPUs: those are loaded once more.

        >>> codec = Codec.load("default", threads=4)
        >>> codec.shared_by(2).threads, codec.shared_by(2) is codec.shared_by(2), codec.shared_by(1) is codec
        (2, True, True)
        """
        if callers <= 1:
            return self
        share = copy.copy(self)
        share._threads, share._shares = max(self._threads // callers, 1), {}
        share._backend = self._backend.shared_by(callers)
        if share._backend is not self._backend:
            share._transforms = Transforms(self._bundle, share._backend)
        return self._shares.setdefault(callers, share)

    @enough_memory()
    def encode(
        self,
        rgb: Rgb,
        *,
        quality: int | None = None,
        target_bpp: float | None = None,
        target_size: int | None = None,
        alpha: bytes | None = None,
        icc: bytes | None = None,
        exif: bytes | None = None,
        on_stage: OnStage | None = None,
    ) -> bytes:
        """Encode a picture.

        Args:
            rgb: uint8 `[height, width, 3]`, at least 1x1.
            quality: 0 (smallest file) to 100 (best picture) of a variable-rate model; None for its default.
            target_bpp: instead, how many bits per pixel the whole stream of such a model may have: it gets the highest
                rate point that fits. Where none does, it gets the lowest, and is larger than asked for.
            target_size: instead, how many bytes it may have.
            alpha: an 8-bit gray PNG of the same size.
            icc, exif: metadata to carry along.
            on_stage: called with the name and seconds of each stage.

        Returns:
            The bytes of a `.lci` stream.

        Raises:
            PictureError: the array is not such a picture, or there is not enough memory for it.
            ModelError: the model cannot do what is asked, is damaged, or lacks its encoder half.
        """
        extras = ((container.ALPHA, alpha), (container.ICC, icc), (container.EXIF, exif))
        sections = tuple(Section(kind, 0, body) for kind, body in extras if body)
        return self._encode(rgb, Rate(quality, target_bpp, target_size), sections, on_stage)[0]

    def encode_many(
        self,
        pictures: Iterable[Rgb],
        *,
        quality: int | None = None,
        target_bpp: float | None = None,
        target_size: int | None = None,
    ) -> Generator[bytes, None, None]:
        """Encode pictures, several at a time, and yield in their order the streams that `encode` gives.

        While the networks work on one picture, others are coded, and the caller reads and writes. The threads of this
        codec are divided among them; with one, the caller's does it all. Memory is that of a few pictures, however many
        there are; a large one is worked on alone, with all threads.

        Args:
            pictures: uint8 `[height, width, 3]` each; taken a few ahead of the results.
            quality, target_bpp, target_size: as in `encode`, for each picture.

        Raises:
            As `encode`, in the turn of the picture concerned, which is the end.

        >>> codec = Codec.load("default", threads=2)
        >>> pictures = [np.full((16, 16, 3), level, np.uint8) for level in (0, 128, 255)]
        >>> streams = list(codec.encode_many(pictures, quality=30))
        >>> streams == [codec.encode(picture, quality=30) for picture in pictures]
        True
        """
        rate: dict[str, Any] = {"quality": quality, "target_bpp": target_bpp, "target_size": target_size}
        return pipeline.through(
            self,
            lambda codec, rgb, on_stage: codec.encode(rgb, **rate, on_stage=on_stage),
            pictures,
            lambda rgb: math.prod(np.shape(rgb)[:2]),
        )

    @enough_memory()
    def encode_with_latents(self, rgb: Rgb, *, quality: int | None = None) -> tuple[bytes, Int]:
        """Encode a picture as `encode` does; also return the int32 `y_hat` `[M, height, width]` that the encoder had.

        >>> codec = Codec.load("default", threads=1)
        >>> data, y_hat = codec.encode_with_latents(np.full((16, 32, 3), 128, np.uint8))
        >>> np.array_equal(codec.decode_latents(data), y_hat)
        True
        """
        return self._encode(rgb, Rate(quality), (), None)

    def _encode(self, rgb: Rgb, rate: Rate, extras: tuple[Section, ...], on_stage: OnStage | None) -> tuple[bytes, Int]:
        height, width = expect_picture(rgb)
        rate.expect_possible(self._bundle)
        expect_memory(self._memory_to_encode(height, width), f"encoding {width} x {height} pixels")
        with stage(on_stage, "analysis"):
            latent = self._transforms.analyse(rgb)
        hyper_latent = None
        if self._bundle.hyper_channels:
            with stage(on_stage, "hyper-analysis"):
                hyper_shape = self._entropy.hyper_shape(*latent.shape[1:])
                hyper_latent = self._transforms.hyper_analyse(latent, hyper_shape)
        with stage(on_stage, "entropy-encode"):
            prepared = self._entropy.prepare(latent, hyper_latent, self._threads)
            hyper = prepared.hyper
            others = [len(part) for part in (hyper and hyper.data, *(section.body for section in extras)) if part]
            point, payload, y_hat = self._encode_latent(prepared, rate, height * width, others)
        with stage(on_stage, "container"):
            sections = [Section(container.LATENT, payload.lanes, payload.data)]
            if hyper:
                sections.append(Section(container.HYPER_LATENT, hyper.lanes, hyper.data))
            model = bytes.fromhex(self._bundle.id)
            stream = Stream(width, height, model, latent_crc(y_hat), (*sections, *extras), rate_point=point)
            return container.write_stream(stream), y_hat

    def _encode_latent(
        self, prepared: Prepared, rate: Rate, pixels: int, others: list[int]
    ) -> tuple[int, Payload, Int]:
        """Return rate point, payload and `y_hat` of a latent; `others` are the bytes of the stream's other sections."""

        def encode(point: int) -> tuple[Payload, Int]:
            return self._entropy.encode_at(point, prepared, self._threads)

        most = rate.most_bytes(pixels)
        if most is None:
            point = rate.point(self._bundle)
            return point, *encode(point)
        room = most - container.stream_size([0, *others])
        point, coded = highest_that_fits(self._bundle.rate_points, encode, lambda coded: len(coded[0].data) <= room)
        return point, *coded

    def decode(
        self, data: bytes, *, out: Rgb | None = None, max_pixels: int = MAX_PIXELS, on_stage: OnStage | None = None
    ) -> Rgb:
        """Decode a stream to uint8 `[height, width, 3]`; arguments and errors are those of `decode_image`.

        >>> codec = Codec.load("default", threads=1)
        >>> canvas = np.zeros((8, 16, 4), np.uint8)
        >>> half = canvas[:, 8:, :3]
        >>> codec.decode(codec.encode(np.full((8, 8, 3), 255, np.uint8)), out=half) is half
        True
        """
        return self.decode_image(data, out=out, max_pixels=max_pixels, on_stage=on_stage).rgb

    @enough_memory()
    def decode_image(
        self, data: bytes, *, out: Rgb | None = None, max_pixels: int = MAX_PIXELS, on_stage: OnStage | None = None
    ) -> DecodedImage:
        """Decode a stream to pixels and metadata.

        Args:
            data: a stream, all of it.
            out: where the pixels go, and what is returned as `rgb`: a writeable uint8 array `[height, width, 3]` with
                any strides, such as a part of a canvas or the colours of an RGBA buffer; None for a new array. It is
                written to in the last stage, the synthesis, which begins when every check of the stream has passed;
                if that stage itself fails (no memory, a broken model), what `out` holds is undefined.
            max_pixels: a stream with more is refused by its header, as one is that cannot fit into memory.
            on_stage: called with the name and seconds of each stage.

        Raises:
            FormatError: the bytes are corrupt, cut short, or no stream.
            PictureError: the picture is over a limit, `out` is not an array for it, or there is not enough memory.
            ModelError: the stream was made with another model, or this bundle is damaged or lacks its decoder half.
            MismatchError: the bytes are whole but give other latents than the encoder had.
        """
        with stage(on_stage, "container"):
            stream = container.read_stream(data, max_pixels)
            if out is not None:
                expect_room(out, stream.height, stream.width)
        with stage(on_stage, "entropy-decode"):
            then = self._memory_to_synthesise(stream.height, stream.width, new=out is None)
            y_hat = self._parser.parse(stream, self._threads, then=then)
        with stage(on_stage, "synthesis"):
            rgb = np.empty((stream.height, stream.width, 3), np.uint8) if out is None else out
            self._transforms.synthesise(y_hat, rgb)
        extras = {section.type: section.body for section in stream.sections}
        return DecodedImage(rgb, *(extras.get(kind) for kind in (container.ALPHA, container.ICC, container.EXIF)))

    def decode_many(self, streams: Iterable[bytes], *, max_pixels: int = MAX_PIXELS) -> Generator[Rgb, None, None]:
        """Decode streams, several at a time, and yield in order the pixels that `decode` gives; see `encode_many`.

        Args:
            streams: the bytes of each; taken a few ahead of the results.
            max_pixels: as in `decode_image`.

        Raises:
            As `decode_image`, in the turn of the stream concerned, which is the end.

        >>> codec = Codec.load("default", threads=2)
        >>> streams = [codec.encode(np.full((8, width, 3), 128, np.uint8)) for width in (8, 16, 24)]
        >>> [rgb.shape for rgb in codec.decode_many(streams)]
        [(8, 8, 3), (8, 16, 3), (8, 24, 3)]
        """
        return pipeline.through(
            self,
            lambda codec, data, on_stage: codec.decode(data, max_pixels=max_pixels, on_stage=on_stage),
            streams,
            pipeline.stream_pixels,
        )

    def entropy_paths(self) -> list[str]:
        """Return the ways to decode latents here; all must agree (`lic-run verify`).

        They are the native kernels, and "carried" where the model has a hyper-synthesis for accelerators: on whatever
        engine this codec has, the CPU's as well.
        """
        return self._parser.paths()

    @enough_memory()
    def decode_latents(
        self, data: bytes, *, path: str | None = None, threads: int | None = None, max_pixels: int = MAX_PIXELS
    ) -> Int:
        """Decode only the latents: int32 `y_hat` `[M, height, width]` with the model's fraction bits.

        Args:
            data: a stream.
            path: one of `entropy_paths()`; None for the one that `decode` uses.
            threads: None for this codec's.
            max_pixels: as in `decode_image`.

        Raises:
            As `decode_image`.
        """
        stream = container.read_stream(data, max_pixels)
        return self._parser.parse(stream, threads or self._threads, path)

    @enough_memory()
    def decode_symbols(
        self, data: bytes, *, path: str | None = None, threads: int | None = None, max_pixels: int = MAX_PIXELS
    ) -> Symbols:
        """Decode the latents and keep symbols and table indexes, to compare decoders; as `decode_latents` otherwise.

        >>> codec = Codec.load("default", threads=1)
        >>> decoded = codec.decode_symbols(codec.encode(np.full((16, 32, 3), 128, np.uint8)))
        >>> decoded.y_hat.shape, decoded.latent.shape == decoded.indexes.shape == (384 * 1 * 2,)
        ((384, 1, 2), True)
        """
        stream = container.read_stream(data, max_pixels)
        return self._parser.parse_symbols(stream, threads or self._threads, path)

    def _memory_to_encode(self, height: int, width: int) -> int:
        """Return a lower bound of the bytes that a picture takes beside itself: a latent, and what is made of it."""
        size = self._bundle.latent_size(height, width)
        latent = 4 * self._bundle.latent_channels * size[0] * size[1]
        return latent + max(self._entropy.memory(*size, encoding=True), self._transforms.memory("analysis", *size))

    def _memory_to_synthesise(self, height: int, width: int, *, new: bool) -> int:
        """Return a lower bound of the bytes of a latent, the first tile's planes, and pixels if they are `new`."""
        size = self._bundle.latent_size(height, width)
        latent = 4 * self._bundle.latent_channels * size[0] * size[1]
        return latent + self._transforms.memory("synthesis", *size) + (3 * height * width if new else 0)
