#include "model.h"

#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, HEADER = 76 };
static const uint8_t kMagic[8] = {0x89, 'L', 'C', 'M', '\r', '\n', 0x1a, '\n'};

/* Sizes of what follows the header. */
struct sizes {
  uint32_t prior_numbers, gaussian_numbers, network_bytes, context_bytes, has_rates;
};

static bool damaged(const char* what, struct failure* failure) {
  return fail(failure, BAD_MODEL, "the model is damaged: %s. Write it again with lic-run flatten", what);
}

static bool check(licrt_status status, const char* reason, struct failure* failure) {
  if (status == LICRT_OK) return true;
  if (status == LICRT_OUT_OF_MEMORY) return out_of_memory(failure);
  const char* message = *reason != '\0' ? reason : licrt_status_message(status);
  if (status == LICRT_UNSUPPORTED_CPU) return fail(failure, NO_KERNELS, "%s", message);
  return damaged(message, failure);
}

/* Fills rows of one length, which licrt_tables_create takes, from rows one after the other. */
static bool make_tables(const uint32_t* lengths, const int32_t* offsets, const int32_t* numbers, uint32_t count,
                        uint32_t number_count, licrt_tables** tables, struct failure* failure) {
  uint64_t sum = 0;
  uint32_t longest = 0;
  for (uint32_t row = 0; row < count; ++row) {
    if (lengths[row] < 3 || lengths[row] > 65536) return damaged("a table has an impossible length", failure);
    if (offsets[row] < -(1 << 20) || offsets[row] > 1 << 20) return damaged("an offset is out of range", failure);
    if (lengths[row] > longest) longest = lengths[row];
    sum += lengths[row];
  }
  if (count == 0 || sum != number_count) return damaged("its tables are not as long as it says", failure);
  if ((uint64_t)count * longest > 1 << 26) return damaged("its tables are too large", failure);
  int32_t* cdf = allocate((uint64_t)count * longest, sizeof *cdf);
  if (cdf == NULL) return out_of_memory(failure);
  for (uint32_t row = 0; row < count; numbers += lengths[row++]) {
    memcpy(cdf + (size_t)row * longest, numbers, lengths[row] * sizeof *cdf);
  }
  const licrt_status status = licrt_tables_create(cdf, count, longest, (const int32_t*)lengths, offsets, tables);
  free(cdf);
  return check(status, "", failure);
}

static bool read_tables(struct reader* reader, uint32_t count, uint32_t number_count, licrt_tables** tables,
                        struct failure* failure) {
  uint32_t* lengths = take_u32(reader, count);
  int32_t* offsets = take_i32(reader, count);
  int32_t* numbers = take_i32(reader, number_count);
  bool good = false;
  if (lengths == NULL || offsets == NULL || numbers == NULL) {
    out_of_memory(failure);
  } else {
    good = make_tables(lengths, offsets, numbers, count, number_count, tables, failure);
  }
  free(numbers);
  free(offsets);
  free(lengths);
  return good;
}

static bool read_rates(struct reader* reader, struct model* model, struct failure* failure) {
  const uint64_t numbers = (uint64_t)model->rate_points * model->gaussian_count;
  model->multiplier = take_u32(reader, model->rate_points);
  model->shift = take_u32(reader, model->rate_points);
  model->offset = take_i64(reader, numbers);
  if (model->multiplier == NULL || model->shift == NULL || model->offset == NULL) return out_of_memory(failure);
  for (uint32_t point = 0; point < model->rate_points; ++point) {
    const bool multiplier = 1 <= model->multiplier[point] && model->multiplier[point] <= 1 << 30;
    const bool shift = 1 <= model->shift[point] && model->shift[point] <= 30;
    if (!multiplier || !shift) return damaged("a rate point is out of range", failure);
  }
  const int64_t limit = INT64_C(1) << 40;
  for (uint64_t i = 0; i < numbers; ++i) {
    if (model->offset[i] <= -limit || model->offset[i] >= limit) return damaged("an offset is out of range", failure);
  }
  return true;
}

/* Whether the networks are those that the latent and the tables need. */
static bool fits(const struct model* model) {
  const licrt_network_info* network = &model->network_info;
  if (network->input_channels != model->hyper_channels) return false;
  if (model->context == NULL) {
    return network->index_channels == model->latent_channels && network->threshold_count + 1 == model->gaussian_count &&
           (network->mean_channels == 0 || network->mean_channels == model->latent_channels) &&
           network->rate_points == model->rate_points;
  }
  licrt_context_info context;
  if (licrt_context_describe(model->context, &context) != LICRT_OK) return false;
  return network->index_channels == 0 && network->mean_channels == context.feature_channels &&
         context.latent_channels == model->latent_channels && context.table_count == model->gaussian_count &&
         context.rate_points == model->rate_points;
}

static bool read_networks(struct reader* reader, const struct sizes* sizes, const char* cpu, struct model* model,
                          struct failure* failure) {
  char reason[200] = "";
  const uint8_t* blob = take(reader, sizes->network_bytes);
  licrt_status status = licrt_network_create(blob, sizes->network_bytes, cpu, &model->network, reason, sizeof reason);
  if (!check(status, reason, failure)) return false;
  if (!check(licrt_network_describe(model->network, &model->network_info), "", failure)) return false;
  if (sizes->context_bytes != 0) {
    blob = take(reader, sizes->context_bytes);
    status = licrt_context_create(blob, sizes->context_bytes, cpu, &model->context, reason, sizeof reason);
    if (!check(status, reason, failure)) return false;
  }
  return fits(model) || damaged("its networks and tables do not fit one another", failure);
}

static bool in_range(uint32_t value, uint32_t low, uint32_t high) { return low <= value && value <= high; }

/* Whether the header is possible, and the file as long as it says. */
static bool check_header(const struct model* model, const struct sizes* sizes, size_t left) {
  const bool hyper = model->hyper_channels != 0;
  const bool possible =
      in_range(model->stride, 1, 256) && in_range(model->latent_channels, 1, 4096) &&
      in_range(model->hyper_channels, 0, 4096) && in_range(model->hyper_stride, hyper, hyper ? 64 : 0) &&
      in_range(model->mean_fraction, 0, 8) && in_range(model->rate_points, 1, hyper ? 256 : 1) &&
      in_range(model->gaussian_count, hyper, hyper ? 256 : 0) && (hyper || sizes->gaussian_numbers == 0) &&
      (sizes->network_bytes != 0) == hyper && (hyper || sizes->context_bytes == 0) &&
      in_range(sizes->has_rates, 0, hyper && sizes->context_bytes == 0);
  if (!possible) return false;
  const uint64_t prior = hyper ? model->hyper_channels : model->latent_channels, medians = hyper ? 0 : prior;
  uint64_t expected = 4 * (2 * prior + sizes->prior_numbers + medians);
  expected += 4 * (2 * (uint64_t)model->gaussian_count + sizes->gaussian_numbers);
  if (sizes->has_rates) expected += 8 * (uint64_t)model->rate_points * (1 + model->gaussian_count);
  return left == expected + sizes->network_bytes + sizes->context_bytes;
}

static bool read_model(const uint8_t* data, size_t size, const char* cpu, struct model* model,
                       struct failure* failure) {
  if (size < HEADER + 4 || memcmp(data, kMagic, sizeof kMagic) != 0) {
    return fail(failure, BAD_MODEL, "not a flat model, expected a file written by lic-run flatten");
  }
  if (load_u32(data + 8) != VERSION) {
    return fail(failure, BAD_MODEL, "the model is of version %lu, expected %d", (unsigned long)load_u32(data + 8),
                VERSION);
  }
  if (crc32_of(data, size - 4) != load_u32(data + size - 4)) return damaged("its checksum is wrong", failure);
  memcpy(model->id, data + 12, sizeof model->id);
  model->stride = load_u32(data + 28);
  model->latent_channels = load_u32(data + 32);
  model->hyper_channels = load_u32(data + 36);
  model->hyper_stride = load_u32(data + 40);
  model->mean_fraction = load_u32(data + 44);
  model->rate_points = load_u32(data + 48);
  model->gaussian_count = load_u32(data + 56);
  const struct sizes sizes = {load_u32(data + 52), load_u32(data + 60), load_u32(data + 64), load_u32(data + 68),
                              load_u32(data + 72)};
  struct reader reader = {data + HEADER, size - HEADER - 4};
  if (!check_header(model, &sizes, reader.left)) return damaged("its header contradicts itself", failure);

  const uint32_t prior = model->hyper_channels != 0 ? model->hyper_channels : model->latent_channels;
  if (!read_tables(&reader, prior, sizes.prior_numbers, &model->prior, failure)) return false;
  if (model->hyper_channels == 0) {
    model->medians = take_i32(&reader, prior);
    if (model->medians == NULL) return out_of_memory(failure);
    for (uint32_t channel = 0; channel < prior; ++channel) {
      const int32_t median = model->medians[channel], limit = 1 << 22;
      if (median <= -limit || median >= limit) return damaged("a median is out of range", failure);
    }
    return true;
  }
  return read_tables(&reader, model->gaussian_count, sizes.gaussian_numbers, &model->gaussian, failure) &&
         (!sizes.has_rates || read_rates(&reader, model, failure)) &&
         read_networks(&reader, &sizes, cpu, model, failure);
}

bool model_open(const uint8_t* data, size_t size, const char* cpu, struct model* model, struct failure* failure) {
  memset(model, 0, sizeof *model);
  if (read_model(data, size, cpu, model, failure)) return true;
  model_close(model);
  return false;
}

void model_close(struct model* model) {
  licrt_context_destroy(model->context);
  licrt_network_destroy(model->network);
  free(model->offset);
  free(model->shift);
  free(model->multiplier);
  licrt_tables_destroy(model->gaussian);
  free(model->medians);
  licrt_tables_destroy(model->prior);
  memset(model, 0, sizeof *model);
}

const char* model_kernels(const struct model* model) {
  return model->network == NULL ? "none" : model->network_info.cpu;
}
