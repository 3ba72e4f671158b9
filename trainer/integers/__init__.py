"""From float layers to integers, by powers of two only: shared by integer-aware training and by export."""
