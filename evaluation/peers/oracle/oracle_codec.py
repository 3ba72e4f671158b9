"""CompressAI's compress() and decompress() on pictures, as its own evaluation script calls them.

A session: ``load`` a checkpoint, then ``compress`` pictures and ``decompress`` the last one as often as wanted, with
the seconds of every run. Padding is CompressAI's: zeros around the picture up to a multiple of 64. ``code`` does both
at once, with a state dict and a picture. ``s`` is always the level of a variable-rate model.
"""

import math
import time

import numpy as np
import torch
from compressai.ops import compute_padding
from oracle_models import ARCHITECTURES, at_level, model_from
from PIL import Image

# The one model and the last compressed picture of this process.
_session = {}


def set_threads(count):
    """Number of threads that torch may use."""
    torch.set_num_threads(count)
    return {}


def load(path, arch, update=False, device="cpu"):
    """Loads a checkpoint for compress, onto a device; ``update`` computes its CDF tables anew."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model = ARCHITECTURES[arch].from_state_dict(checkpoint.get("state_dict", checkpoint)).eval()
    if update:
        model.update(force=True)
    _session.update(model=model.to(device), device=device)
    return {"parameters": sum(parameter.numel() for parameter in model.parameters())}


@torch.inference_mode()
def compress(path, repeat=1, s=None):
    """Sizes of the strings in bytes, the strings themselves, and the seconds of each run, from 8-bit pixels on."""
    with Image.open(path) as image:
        pixels = np.array(image.convert("RGB"))
    pad, crop = compute_padding(*pixels.shape[:2], min_div=64)
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        x = torch.from_numpy(pixels).to(_session["device"]).permute(2, 0, 1)[None].float() / 255
        packet = _session["model"].compress(torch.nn.functional.pad(x, pad), **at_level(s))
        seconds.append(time.perf_counter() - start)
    _session.update(packet=packet | at_level(s), crop=crop, pixels=pixels)
    strings = [batch[0] for batch in packet["strings"]]
    return {
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "sizes": [len(string) for string in strings],
        "bytes": sum(len(string) for string in strings),
        "seconds": seconds,
        **{f"string:{number}": np.frombuffer(string, np.uint8) for number, string in enumerate(strings)},
    }


@torch.inference_mode()
def decompress(repeat=1):
    """Decodes the last picture: 8-bit pixels (rounded, clamped), PSNR in dB, and the seconds of each run to pixels;
    y_hat, which is of the padded picture."""
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        x_hat, y_hat = _decoded(_session["model"], _session["packet"])
        x_hat = torch.nn.functional.pad(x_hat, _session["crop"])
        pixels = (x_hat[0] * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
        seconds.append(time.perf_counter() - start)
    error = np.mean((pixels.astype(np.float64) - _session["pixels"]) ** 2)
    psnr = 10 * math.log10(255**2 / error) if error else math.inf
    return {"psnr": psnr, "seconds": seconds, "pixels": pixels, "y_hat": y_hat.cpu().numpy()}


@torch.inference_mode()
def code(arch, x, s=None, **arrays):
    """The strings of a picture x, float32 [1, 3, height, width] with sides that are multiples of 64, in the order in
    which CompressAI lists them, and what decoding them gives: y_hat and x_hat. The state dict must have tables."""
    model = model_from(arch, arrays)
    packet = model.compress(torch.from_numpy(x), **at_level(s)) | at_level(s)
    x_hat, y_hat = _decoded(model, packet)
    strings = [batch[0] for batch in packet["strings"]]
    return {
        "x_hat": x_hat.numpy(),
        "y_hat": y_hat.numpy(),
        **{f"string:{number}": np.frombuffer(string, np.uint8) for number, string in enumerate(strings)},
    }


def _decoded(model, packet):
    """x_hat and y_hat of a packet."""
    latents = []
    with model.g_s.register_forward_pre_hook(lambda _, inputs: latents.append(inputs[0].clone())):
        x_hat = model.decompress(**packet)["x_hat"]
    return x_hat, latents[-1]
