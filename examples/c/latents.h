/* From the symbols of a stream to y_hat: docs/bitstream.md, section 4. */
#ifndef LATENTS_H
#define LATENTS_H

#include "model.h"
#include "stream.h"

/* Sides of a stream's latent. */
struct latent_size {
  size_t height, width;
};
struct latent_size latent_size(const struct model* model, const struct stream* stream);

/* Decodes y_hat[latent_channels][height][width], fixed-point with mean_fraction fraction bits, and compares its
 * checksum with the encoder's. The array is to be freed; it does not depend on the number of threads. */
bool latents_decode(const struct model* model, const struct stream* stream, unsigned threads, int32_t** y_hat,
                    struct failure* failure);

/* What a stream codes, in coding order: symbols of the hyper-latent, and symbols and table indexes of the latent. In
 * factorised models `hyper` is NULL and `hyper_count` 0, and indexes are channels. */
struct symbols {
  int32_t *hyper, *latent, *indexes;
  size_t hyper_count, count;
};

/* The same, for comparing decoders: keeps the symbols, too. symbols_free frees them, once they are decoded. */
bool latents_decode_symbols(const struct model* model, const struct stream* stream, unsigned threads, int32_t** y_hat,
                            struct symbols* symbols, struct failure* failure);
void symbols_free(struct symbols* symbols);

#endif
