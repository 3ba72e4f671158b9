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

#endif
