"""What CompressAI's evaluation and plot tools make of pictures and of files of results."""

import torch


def evaluate_pictures(original, decoded):
    """PSNR and MS-SSIM by eval_model's own function, and PSNR of each plane of CompressAI's Y'CbCr; uint8 [h, w, 3]."""
    from compressai.transforms.functional import rgb2ycbcr
    from compressai.utils.eval_model.__main__ import compute_metrics

    first, second = (torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255 for rgb in (original, decoded))
    errors = (rgb2ycbcr(first.double()) - rgb2ycbcr(second.double())).pow(2).mean((0, 2, 3))
    return {**compute_metrics(first, second), "yuv": (-10 * torch.log10(errors)).tolist()}


def plot_results(path, metric, picture):
    """What the plot tool reads of a file, after it has drawn that."""
    import matplotlib as mpl

    mpl.use("Agg")
    from compressai.utils.plot.__main__ import main, parse_json_file

    main(["-f", path, "-m", metric, "-o", picture])
    curve = parse_json_file(path, metric)
    return {"name": curve["name"], "xs": list(curve["xs"]), "ys": list(map(float, curve["ys"]))}
