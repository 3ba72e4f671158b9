"""Models built from CompressAI's classes, by the names that licrt uses."""

import compressai
import numpy as np
import torch
from compressai.entropy_models import EntropyBottleneck
from compressai.layers import GDN1
from compressai.models.base import CompressionModel
from compressai.models.utils import conv, deconv
from compressai.registry import MODELS


class BLS2017(CompressionModel):
    """Ballé, Laparra and Simoncelli 2017, which CompressAI does not have, from its parts."""

    def __init__(self, N, M):  # noqa: N803 - the names of the literature
        super().__init__()
        self.g_a = torch.nn.Sequential(conv(3, N, 9, 4), GDN1(N), conv(N, N), GDN1(N), conv(N, M))
        self.g_s = torch.nn.Sequential(
            deconv(M, N), GDN1(N, inverse=True), deconv(N, N), GDN1(N, inverse=True), deconv(N, 3, 9, 4)
        )
        self.entropy_bottleneck = EntropyBottleneck(M)

    forward = compressai.models.FactorizedPrior.forward
    compress = compressai.models.FactorizedPrior.compress
    decompress = compressai.models.FactorizedPrior.decompress

    @classmethod
    def from_state_dict(cls, state):
        """Builds the model that the tensors belong to."""
        model = cls(state["g_a.0.weight"].size(0), state["g_a.4.weight"].size(0))
        model.load_state_dict(state)
        return model


def _with_any_groups(base):
    """An ELIC class whose from_state_dict also builds latents other than of 320 channels in the usual five groups."""

    class Elic(base):
        @classmethod
        def from_state_dict(cls, state):
            """Builds the model that the tensors belong to."""
            codecs = "latent_codec.y.latent_codec."
            groups = [
                state[f"{codecs}y{k}.context_prediction.weight"].size(1)
                for k in range(len({key.split(".")[3] for key in state if key.startswith(codecs)}))
            ]
            model = cls(state["g_a.0.weight"].size(0), sum(groups), groups)
            model.load_state_dict(state)
            return model

    return Elic


# CompressAI's classes by its own names; each is built with N, N M, or N M groups.
ARCHITECTURES = {
    **MODELS,
    **{name: _with_any_groups(MODELS[name]) for name in ("elic2022-official", "elic2022-chandelier")},
    "bls2017": BLS2017,
}


def to_state(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """The state dict that came as arrays named "state:KEY"."""
    prefix = "state:"
    return {
        name.removeprefix(prefix): torch.from_numpy(value) for name, value in arrays.items() if name.startswith(prefix)
    }


def model_from(arch, arrays):
    """A model in evaluation mode with the state dict among the arrays."""
    return ARCHITECTURES[arch].from_state_dict(to_state(arrays)).eval()


def at_level(s):
    """Keyword arguments of a variable-rate model's methods for a level; none for None."""
    return {} if s is None else {"s": s}


def from_state(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """A state dict as arrays named "state:KEY"."""
    return {f"state:{name}": value.detach().numpy() for name, value in state.items()}
