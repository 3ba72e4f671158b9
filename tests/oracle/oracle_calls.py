"""What the tests can ask of CompressAI. Arrays in, arrays out; names as in CompressAI."""

import numpy as np
import torch
from compressai import ans
from compressai._CXX import pmf_to_quantized_cdf
from compressai.entropy_models import EntropyBottleneck, GaussianConditional
from compressai.layers import GDN, GDN1
from compressai.losses import RateDistortionLoss
from compressai.ops import LowerBound
from compressai.ops.parametrizers import NonNegativeParametrizer
from compressai.optimizers import net_aux_optimizer
from compressai.transforms import functional as colours
from oracle_codec import code, compress, decompress, load, set_threads
from oracle_eval import evaluate_pictures, plot_results
from oracle_models import ARCHITECTURES, at_level, from_state, model_from, to_state

MODULES = {
    module.__name__: module
    for module in (GDN, GDN1, LowerBound, NonNegativeParametrizer, EntropyBottleneck, GaussianConditional)
}


def initial_state(arch, channels, seed=0):
    """State dict of a new model."""
    torch.manual_seed(seed)
    return from_state(ARCHITECTURES[arch](*channels).state_dict())


@torch.no_grad()
def run_model(arch, x, s=None, **arrays):
    """x_hat, likelihoods, and the output of every network along the way, for a float32 batch x.

    ``s`` is the level of a variable-rate model.
    """
    model = model_from(arch, arrays)
    outputs = {}
    for path, module in model.named_modules():
        if (name := path.split(".")[-1]) in {"g_a", "g_s", "h_a", "h_s"}:
            module.register_forward_hook(lambda _, __, output, name=name: outputs.__setitem__(name, output))
    result = model(torch.from_numpy(x), **at_level(s))
    outputs |= {"x_hat": result["x_hat"], **{f"likelihoods:{k}": v for k, v in result["likelihoods"].items()}}
    return {name: value.numpy() for name, value in outputs.items()}


def update(arch, **arrays):
    """State dict after update(force=True), and the auxiliary loss."""
    model = model_from(arch, arrays)
    model.update(force=True)
    return from_state(model.state_dict()) | {"aux_loss": model.aux_loss().item()}


def run_module(module, arguments, x, grad_output, inputs=(), **arrays):
    """One module in evaluation mode: first output, gradient of x, and gradients of the parameters.

    ``inputs`` names further array arguments of its forward, in order; ``state:`` arrays are its state dict.
    """
    instance = MODULES[module](**arguments).eval()
    instance.load_state_dict(to_state(arrays), strict=False)
    x = torch.from_numpy(x).requires_grad_()
    more = [torch.from_numpy(arrays[name]).requires_grad_() for name in inputs]
    output = instance(x, *more)
    first, *rest = output if isinstance(output, tuple) else (output,)
    target = rest[0] if rest else first
    target.backward(torch.from_numpy(grad_output))
    result = {"output": first.detach().numpy(), "grad:x": x.grad.numpy()}
    result |= {"likelihood": rest[0].detach().numpy()} if rest else {}
    result |= {f"grad:{name}": tensor.grad.numpy() for name, tensor in zip(inputs, more, strict=True)}
    return result | {
        f"grad:{name}": parameter.grad.numpy()
        for name, parameter in instance.named_parameters()
        if parameter.grad is not None
    }


def train_steps(arch, lmbda, learning_rate, seed, batches, **arrays):
    """Losses of one update per batch [steps, batch, 3, height, width], as in CompressAI's examples/train.py."""
    model = model_from(arch, arrays).train()
    torch.manual_seed(seed)
    optimizers = net_aux_optimizer(
        model, {"net": {"type": "Adam", "lr": learning_rate}, "aux": {"type": "Adam", "lr": 1e-3}}
    )
    criterion = RateDistortionLoss(lmbda)
    losses = []
    for batch in torch.from_numpy(batches):
        for optimizer in optimizers.values():
            optimizer.zero_grad()
        loss = criterion(model(batch), batch)
        loss["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers["net"].step()
        aux_loss = model.aux_loss()
        aux_loss.backward()
        optimizers["aux"].step()
        losses.append([loss["loss"].item(), loss["bpp_loss"].item(), loss["mse_loss"].item(), aux_loss.item()])
    return {"losses": np.array(losses)}


def build_indexes(scales, scale_table):
    """Table index of every scale."""
    model = GaussianConditional(scale_table)
    return {"indexes": model.build_indexes(torch.from_numpy(scales)).numpy()}


def rate_distortion(lmbda, x, x_hat, metric="mse", **arrays):
    """RateDistortionLoss for likelihoods that come by their names, and its gradients "grad:NAME"."""
    likelihoods = {name: torch.from_numpy(value).requires_grad_() for name, value in arrays.items()}
    x_hat = torch.from_numpy(x_hat).requires_grad_()
    losses = RateDistortionLoss(lmbda, metric)({"x_hat": x_hat, "likelihoods": likelihoods}, torch.from_numpy(x))
    losses["loss"].backward()
    gradients = {f"grad:{name}": tensor.grad.numpy() for name, tensor in {"x_hat": x_hat, **likelihoods}.items()}
    return {name: value.item() for name, value in losses.items()} | gradients


def convert_colours(rgb, mode):
    """YCbCr of float32 [batch, 3, height, width], its planes in 4:2:0, and what comes back at full resolution."""
    ycbcr = colours.rgb2ycbcr(torch.from_numpy(rgb))
    y, cb, cr = colours.yuv_444_to_420(ycbcr)
    back = colours.yuv_420_to_444((y, cb, cr), mode)
    named = {"ycbcr": ycbcr, "y": y, "cb": cb, "cr": cr, "back": back, "rgb": colours.ycbcr2rgb(back)}
    return {name: value.numpy() for name, value in named.items()}


def quantized_cdf(precision, lengths, pmf):
    """Quantised CDFs of several pmfs laid end to end in float32; an empty row where CompressAI raises."""
    rows, errors = [], {}
    for number, row in enumerate(np.split(pmf, np.cumsum(lengths)[:-1])):
        try:
            rows.append(pmf_to_quantized_cdf(row.tolist(), precision))
        except Exception as error:
            rows.append([])
            errors[number] = f"{type(error).__name__}: {error}"
    return {
        "cdf": np.array([value for row in rows for value in row], np.int64),
        "lengths": np.array([len(row) for row in rows], np.int64),
        "errors": errors,
    }


def encode(symbols, indexes, cdf, lengths, offsets):
    """Bytes of compressai.ans.RansEncoder. At least two symbols: with fewer it corrupts memory."""
    data = ans.RansEncoder().encode_with_indexes(
        symbols.ravel().tolist(), indexes.ravel().tolist(), cdf.tolist(), lengths.tolist(), offsets.tolist()
    )
    return {"data": np.frombuffer(data, np.uint8)}


def decode(data, indexes, cdf, lengths, offsets):
    """Symbols of compressai.ans.RansDecoder."""
    symbols = ans.RansDecoder().decode_with_indexes(
        data.tobytes(), indexes.ravel().tolist(), cdf.tolist(), lengths.tolist(), offsets.tolist()
    )
    return {"symbols": np.array(symbols, np.int32).reshape(indexes.shape)}


CALLS = {
    call.__name__: call
    for call in (
        initial_state, run_model, update, run_module, train_steps, build_indexes, rate_distortion, convert_colours,
        quantized_cdf, encode, decode, set_threads, load, compress, decompress, code, evaluate_pictures, plot_results,
    )
}  # fmt: skip
