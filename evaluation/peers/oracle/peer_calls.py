"""What the peer benches ask of the other Python."""

from oracle_codec import compress, decompress, load, set_threads
from oracle_coder import prepare_coders, run_coder, versions

CALLS = {
    call.__name__: call
    for call in (set_threads, load, compress, decompress, prepare_coders, run_coder, versions)
}  # fmt: skip
