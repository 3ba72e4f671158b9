#include "latents.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SYMBOL = 1 << 15, MOST_MAGNITUDE = (1 << 23) - 1 };

static size_t ceil_divide(size_t a, size_t b) { return (a + b - 1) / b; }

struct latent_size latent_size(const struct model* model, const struct stream* stream) {
  return (struct latent_size){ceil_divide(stream->height, model->stride), ceil_divide(stream->width, model->stride)};
}

static bool check(licrt_status status, struct failure* failure) {
  if (status == LICRT_OK) return true;
  if (status == LICRT_OUT_OF_MEMORY) return out_of_memory(failure);
  return fail(failure, BAD_STREAM, "%s", licrt_status_message(status));
}

/* No symbol costs less than 2.2e-5 bits, so that a byte holds fewer than 2^19: sizes are refused that a payload cannot
 * hold, before memory is taken for them. */
static bool check_count(const struct section* section, uint64_t count, struct failure* failure) {
  if (count <= (uint64_t)section->size << 19) return true;
  return fail(failure, BAD_STREAM, "the stream is too short for a picture of its size; it is damaged");
}

/* Decodes symbols[channels][plane], each with the table of its index, or of its channel where there are no indexes. */
static bool decode_symbols(const licrt_tables* tables, const struct section* section, const int32_t* indexes,
                           size_t channels, size_t plane, int32_t* symbols, struct failure* failure) {
  const size_t count = channels * plane;
  int32_t* own = NULL;
  if (indexes == NULL) {
    own = allocate(count, sizeof *own);
    if (own == NULL) return out_of_memory(failure);
    for (size_t i = 0; i < count; ++i) own[i] = (int32_t)(i / plane);
    indexes = own;
  }
  const licrt_status status =
      licrt_decode(tables, indexes, count, section->lanes, section->body, section->size, symbols);
  free(own);
  if (!check(status, failure)) return false;
  for (size_t i = 0; i < count; ++i) {
    if (symbols[i] < -MOST_SYMBOL || symbols[i] > MOST_SYMBOL) {
      return fail(failure, BAD_STREAM, "the stream holds a symbol beyond 2^15; it is damaged");
    }
  }
  return true;
}

/* A symbol as a fixed-point number: docs/integer-net.md, sections 5 and 8. It fits: a symbol has 16 bits, a multiplier
 * 30, and an offset 40. */
static int32_t dequantised(const struct model* model, unsigned point, int32_t symbol, int32_t index) {
  if (model->multiplier == NULL) return symbol * (1 << model->mean_fraction);
  if (symbol == 0) return 0;
  const uint32_t shift = model->shift[point];
  const int64_t scaled = (int64_t)abs(symbol) * model->multiplier[point] +
                         model->offset[(size_t)point * model->gaussian_count + (size_t)index] +
                         (INT64_C(1) << (shift - 1));
  int64_t magnitude = scaled < 0 ? 0 : scaled >> shift;
  if (magnitude > MOST_MAGNITUDE) magnitude = MOST_MAGNITUDE;
  return (int32_t)(symbol < 0 ? -magnitude : magnitude);
}

/* Keeps a copy of numbers, for whoever wants one. */
static bool keep(const int32_t* numbers, size_t count, int32_t** copy, struct failure* failure) {
  *copy = allocate(count, sizeof **copy);
  if (*copy == NULL) return out_of_memory(failure);
  memcpy(*copy, numbers, count * sizeof **copy);
  return true;
}

static bool decode_factorised(const struct model* model, const struct section* latent, size_t plane, int32_t* y_hat,
                              struct symbols* symbols, struct failure* failure) {
  const size_t count = model->latent_channels * plane;
  if (!decode_symbols(model->prior, latent, NULL, model->latent_channels, plane, y_hat, failure)) return false;
  if (symbols != NULL) {
    if (!keep(y_hat, count, &symbols->latent, failure) || !keep(y_hat, count, &symbols->indexes, failure)) return false;
    for (size_t i = 0; i < count; ++i) symbols->indexes[i] = (int32_t)(i / plane);
  }
  for (size_t i = 0; i < count; ++i) {
    y_hat[i] = dequantised(model, 0, y_hat[i], 0) + model->medians[i / plane];
  }
  return true;
}

/* What the network makes of the hyper-latent: indexes, and means or features. */
struct prediction {
  int32_t *indexes, *means;
};

static bool run_network(const struct model* model, const int32_t* z, struct latent_size hyper, struct latent_size size,
                        unsigned threads, unsigned point, struct prediction* prediction, struct failure* failure) {
  const licrt_network_info* info = &model->network_info;
  size_t height = 0, width = 0;
  const licrt_status status = licrt_network_output_size(model->network, hyper.height, hyper.width, &height, &width);
  if (status != LICRT_OK || height < size.height || width < size.width) {
    return fail(failure, BAD_MODEL, "the model cannot give a latent of %zu x %zu", size.height, size.width);
  }
  const uint64_t plane = (uint64_t)size.height * size.width;
  prediction->indexes = allocate(info->index_channels * plane, sizeof *prediction->indexes);
  prediction->means = allocate(info->mean_channels * plane, sizeof *prediction->means);
  if (prediction->indexes == NULL || prediction->means == NULL) return out_of_memory(failure);
  return check(licrt_network_run(model->network, z, hyper.height, hyper.width, size.height, size.width, threads,
                                 model->context == NULL ? point : 0, prediction->indexes, prediction->means),
               failure);
}

static bool predict(const struct model* model, const struct section* section, struct latent_size size, unsigned threads,
                    unsigned point, struct prediction* prediction, struct symbols* symbols, struct failure* failure) {
  const struct latent_size hyper = {ceil_divide(size.height, model->hyper_stride),
                                    ceil_divide(size.width, model->hyper_stride)};
  const uint64_t plane = (uint64_t)hyper.height * hyper.width, count = model->hyper_channels * plane;
  if (!check_count(section, count, failure)) return false;
  int32_t* z = allocate(count, sizeof *z);
  if (z == NULL) return out_of_memory(failure);
  const bool good = decode_symbols(model->prior, section, NULL, model->hyper_channels, plane, z, failure) &&
                    (symbols == NULL || keep(z, symbols->hyper_count = count, &symbols->hyper, failure)) &&
                    run_network(model, z, hyper, size, threads, point, prediction, failure);
  free(z);
  return good;
}

static bool decode_predicted(const struct model* model, const struct section* latent, struct latent_size size,
                             unsigned threads, unsigned point, const struct prediction* prediction, int32_t* y_hat,
                             struct symbols* symbols, struct failure* failure) {
  const size_t plane = size.height * size.width, count = model->latent_channels * plane;
  if (model->context != NULL && symbols != NULL) {
    symbols->latent = allocate(count, sizeof *symbols->latent);
    symbols->indexes = allocate(count, sizeof *symbols->indexes);
    if (symbols->latent == NULL || symbols->indexes == NULL) return out_of_memory(failure);
    return check(licrt_context_decode_symbols(model->context, prediction->means, model->gaussian, latent->body,
                                              latent->size, latent->lanes, size.height, size.width, threads, point,
                                              symbols->latent, symbols->indexes, y_hat),
                 failure);
  }
  if (model->context != NULL) {
    return check(licrt_context_decode(model->context, prediction->means, model->gaussian, latent->body, latent->size,
                                      latent->lanes, size.height, size.width, threads, point, y_hat),
                 failure);
  }
  if (!decode_symbols(model->gaussian, latent, prediction->indexes, model->latent_channels, plane, y_hat, failure)) {
    return false;
  }
  if (symbols != NULL && !(keep(y_hat, count, &symbols->latent, failure) &&
                           keep(prediction->indexes, count, &symbols->indexes, failure))) {
    return false;
  }
  for (size_t i = 0; i < count; ++i) {
    const int32_t mean = model->network_info.mean_channels == 0 ? 0 : prediction->means[i];
    y_hat[i] = dequantised(model, point, y_hat[i], prediction->indexes[i]) + mean;
  }
  return true;
}

static bool decode(const struct model* model, const struct stream* stream, unsigned threads, int32_t* y_hat,
                   struct symbols* symbols, struct failure* failure) {
  const struct section *latent = stream_section(stream, LATENT), *hyper = stream_section(stream, HYPER_LATENT);
  const struct latent_size size = latent_size(model, stream);
  const unsigned point = stream->rate_point;
  if (model->network == NULL) {
    return decode_factorised(model, latent, size.height * size.width, y_hat, symbols, failure);
  }
  struct prediction prediction = {NULL, NULL};
  const bool good = predict(model, hyper, size, threads, point, &prediction, symbols, failure) &&
                    decode_predicted(model, latent, size, threads, point, &prediction, y_hat, symbols, failure);
  free(prediction.means);
  free(prediction.indexes);
  return good;
}

static bool decode_checked(const struct model* model, const struct stream* stream, unsigned threads, int32_t** y_hat,
                           struct symbols* symbols, struct failure* failure) {
  if (memcmp(model->id, stream->model_id, sizeof model->id) != 0) {
    return fail(failure, BAD_MODEL, "the stream needs another model than this one; compare their ids");
  }
  if (stream->rate_point >= model->rate_points) {
    return fail(failure, BAD_STREAM, "the stream is of rate point %u, but its model has %lu", stream->rate_point,
                (unsigned long)model->rate_points);
  }
  const struct latent_size size = latent_size(model, stream);
  const uint64_t count = (uint64_t)model->latent_channels * size.height * size.width;
  if (!check_count(stream_section(stream, LATENT), count, failure)) return false;
  const bool hyper = stream_section(stream, HYPER_LATENT) != NULL;
  if (hyper != (model->network != NULL)) {
    return fail(
        failure, BAD_STREAM, "the stream %s; it is damaged",
        hyper ? "has a hyper-latent, for which its model has no use" : "lacks the hyper-latent that its model needs");
  }
  int32_t* latents = allocate(count, sizeof *latents);
  if (latents == NULL) return out_of_memory(failure);
  if (symbols != NULL) symbols->count = count;
  bool good = decode(model, stream, threads, latents, symbols, failure);
  if (good && crc32_of_numbers(latents, count) != stream->latent_crc) {
    good =
        fail(failure, BAD_MODEL, "the decoded latents are not those that the encoder had, though the bytes are whole");
  }
  if (good) {
    *y_hat = latents;
  } else {
    free(latents);
  }
  return good;
}

bool latents_decode(const struct model* model, const struct stream* stream, unsigned threads, int32_t** y_hat,
                    struct failure* failure) {
  return decode_checked(model, stream, threads, y_hat, NULL, failure);
}

bool latents_decode_symbols(const struct model* model, const struct stream* stream, unsigned threads, int32_t** y_hat,
                            struct symbols* symbols, struct failure* failure) {
  memset(symbols, 0, sizeof *symbols);
  if (decode_checked(model, stream, threads, y_hat, symbols, failure)) return true;
  symbols_free(symbols);
  return false;
}

void symbols_free(struct symbols* symbols) {
  free(symbols->hyper);
  free(symbols->latent);
  free(symbols->indexes);
}
