/* The exact half of a model, from the flat file that `lic-run flatten` writes: docs/bitstream.md, section 7. */
#ifndef MODEL_H
#define MODEL_H

#include "bytes.h"
#include "licrt.h"

/* Never changes once it is open: any number of threads may decode with one model. */
struct model {
  uint8_t id[16];
  uint32_t stride, latent_channels;
  uint32_t hyper_channels, hyper_stride; /* 0 in factorised models */
  uint32_t mean_fraction, rate_points;
  licrt_tables*
      prior;        /* of the hyper-latent, or of the latent in factorised models, which have but these and medians */
  int32_t* medians; /* [latent_channels] */
  licrt_tables* gaussian;
  uint32_t gaussian_count;
  uint32_t *multiplier, *shift; /* [rate_points], NULL where there are no rates, or the context model knows them */
  int64_t* offset;              /* [rate_points][gaussian_count] */
  licrt_network* network;
  licrt_context* context; /* NULL without a context model */
  licrt_network_info network_info;
};

/* Reads and checks a whole file, of which nothing is needed afterwards. `cpu` names the kernels, as for
 * licrt_network_create. A model that is open is to be closed. */
bool model_open(const uint8_t* data, size_t size, const char* cpu, struct model* model, struct failure* failure);
void model_close(struct model* model);

/* The kernels in use; "none" in factorised models, which have no use for them. */
const char* model_kernels(const struct model* model);

#endif
