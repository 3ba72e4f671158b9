"""Export: a trained checkpoint becomes a bundle that the runtime decodes without a training stack."""
