"""Pillow reads and writes `.lci`: `import licrt.pillow`, then `Image.open("a.lci")` and `image.save("a.lci")`.

Importing this package registers the format, as importing a plugin of Pillow's own does. It is the one import in licrt
with a side effect: Pillow looks for no entry points, so there is nothing else that an application could be told to do.

>>> from PIL import Image
>>> Image.registered_extensions()[".lci"], Image.MIME["LCI"]
('LCI', 'image/x-lci')
"""

from __future__ import annotations

from functools import partial

from PIL import Image

from licrt.pillow.reading import LciImageFile, accept
from licrt.pillow.writing import save

__all__ = ["LciImageFile", "register_opener"]


def register_opener(device: str = "auto", threads: int | None = None) -> None:
    """Make Pillow open and save `.lci`. Called by the import; call it again to say where models run.

    Args:
        device: as `Codec.load` takes it.
        threads: threads for one picture; None for all CPUs that this process may use. 1 is right for programs that
            handle many pictures at once.

    >>> register_opener(threads=1)
    """
    Image.register_open(LciImageFile.format, partial(LciImageFile, device=device, threads=threads), accept)
    Image.register_save(LciImageFile.format, partial(save, device=device, threads=threads))
    Image.register_extension(LciImageFile.format, ".lci")
    Image.register_mime(LciImageFile.format, "image/x-lci")


register_opener()
