// The C interface: argument checks, and exceptions turned into statuses. See licrt.h for the contracts.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "context_run.h"
#include "cpu.h"
#include "licrt.h"
#include "network.h"
#include "plan.h"
#include "rans.h"
#include "run.h"
#include "tables.h"

struct licrt_network {
  licrt::Plan plan;
};

struct licrt_context {
  licrt::ContextPlan plan;
};

namespace {

bool valid_lanes(unsigned lanes) { return lanes == 1 || lanes == 2 || lanes == 4; }

template <typename Body>
licrt_status guarded(Body body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return LICRT_OUT_OF_MEMORY;
  } catch (const std::length_error&) {
    return LICRT_OUT_OF_MEMORY;
  }
}

void explain(char* reason, size_t reason_size, const char* text) {
  if (reason != nullptr && reason_size != 0) std::snprintf(reason, reason_size, "%s", text);
}

// Makes what a blob describes with the kernels that are asked for.
template <typename Make>
licrt_status create(const char* cpu, char* reason, size_t reason_size, Make make) noexcept {
  return guarded([&] {
    const char* const name = cpu != nullptr ? cpu : std::getenv("LICRT_CPU");
    const licrt::Kernels* const kernels = licrt::find_kernels(name);
    if (kernels == nullptr) {
      std::string message = "'";
      message.append(name).append("' is not available here. Set LICRT_CPU or the argument to one of");
      for (const licrt::Kernels* known : licrt::available_kernels()) message.append(" ").append(known->name);
      explain(reason, reason_size, message.c_str());
      return LICRT_UNSUPPORTED_CPU;
    }
    try {
      make(*kernels);
    } catch (const licrt::InvalidNetwork& error) {
      explain(reason, reason_size, error.what());
      return LICRT_INVALID_NETWORK;
    }
    return LICRT_OK;
  });
}

bool valid_call(const licrt_context* context, const int32_t* features, size_t height, size_t width, unsigned threads,
                uint32_t point, const int32_t* y_hat) {
  if (context == nullptr || features == nullptr || y_hat == nullptr || threads == 0) return false;
  if (height < 1 || height > licrt::kMaxSide || width < 1 || width > licrt::kMaxSide) return false;
  return point < context->plan.rate_points;
}

bool all_finite(const float* values, size_t count) {
  constexpr uint32_t kExponent = 0x7f800000;
  return std::all_of(values, values + count, [](float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return (bits & kExponent) != kExponent;
  });
}

// Symbols and indexes are wanted or, both, null.
licrt_status decode_context(const licrt_context* context, const int32_t* features, const licrt_tables* tables,
                            const uint8_t* data, size_t size, unsigned lanes, size_t height, size_t width,
                            unsigned threads, uint32_t point, int32_t* symbols, int32_t* indexes, int32_t* y_hat) {
  if (!valid_call(context, features, height, width, threads, point, y_hat)) return LICRT_INVALID_ARGUMENT;
  if (tables == nullptr || (data == nullptr && size != 0) || !valid_lanes(lanes)) return LICRT_INVALID_ARGUMENT;
  const licrt::ContextPlan& plan = context->plan;
  if (tables->ranges.size() < plan.table_count) return LICRT_INVALID_ARGUMENT;
  return guarded([&] {
    licrt::Decoder decoder;
    licrt_status status = decoder.start(data, size, lanes);
    if (status != LICRT_OK) return status;
    const licrt::Dequantiser dequantiser(plan, point);
    licrt::PayloadSource source(*tables, decoder, symbols, indexes);
    status = licrt::run_context(plan, features, {height, width}, threads, dequantiser, point, source, y_hat);
    return status == LICRT_OK ? decoder.finish() : status;
  });
}

}  // namespace

#define LICRT_QUOTE(number) #number
#define LICRT_DOTTED(major, minor, patch) LICRT_QUOTE(major) "." LICRT_QUOTE(minor) "." LICRT_QUOTE(patch)
const char* licrt_version(void) { return LICRT_DOTTED(LICRT_VERSION_MAJOR, LICRT_VERSION_MINOR, LICRT_VERSION_PATCH); }

const char* licrt_status_message(licrt_status status) {
  switch (status) {
    case LICRT_OK:
      return "success";
    case LICRT_INVALID_ARGUMENT:
      return "an argument is null, of the wrong size, or an index without a table";
    case LICRT_INVALID_TABLE:
      return "a table of cumulative frequencies breaks a rule";
    case LICRT_CORRUPT:
      return "the bytes are not what an encoder with these tables writes";
    case LICRT_INVALID_NETWORK:
      return "the network breaks a rule of integer networks";
    case LICRT_SYMBOL_RANGE:
      return "a symbol is too far outside its table to be coded";
    case LICRT_BUFFER_TOO_SMALL:
      return "the buffer is smaller than licrt_encode_bound";
    case LICRT_OUT_OF_MEMORY:
      return "out of memory";
    case LICRT_UNSUPPORTED_CPU:
      return "the instruction set is unknown or not on this machine";
  }
  return "unknown status";
}

licrt_status licrt_tables_create(const int32_t* cdf, size_t table_count, size_t row_stride, const int32_t* lengths,
                                 const int32_t* offsets, licrt_tables** out) {
  if (cdf == nullptr || lengths == nullptr || offsets == nullptr || out == nullptr) return LICRT_INVALID_ARGUMENT;
  return guarded([&] {
    auto tables = std::make_unique<licrt_tables>();
    if (!tables->assign(cdf, table_count, row_stride, lengths, offsets)) return LICRT_INVALID_TABLE;
    *out = tables.release();
    return LICRT_OK;
  });
}

void licrt_tables_destroy(licrt_tables* tables) { delete tables; }

size_t licrt_encode_bound(size_t count, unsigned lanes) {
  // At most 16 bits of a symbol, 32 of its escape and a rounding loss below 2^-14 bits: 1.5 words and a little per
  // symbol.
  const size_t states = size_t{8} * lanes;
  return count > (SIZE_MAX - states) / 8 ? SIZE_MAX : states + 8 * count;
}

licrt_status licrt_encode(const licrt_tables* tables, const int32_t* symbols, const int32_t* indexes, size_t count,
                          unsigned lanes, uint8_t* data, size_t capacity, size_t* size) {
  if (tables == nullptr || data == nullptr || size == nullptr || !valid_lanes(lanes)) return LICRT_INVALID_ARGUMENT;
  if (count != 0 && (symbols == nullptr || indexes == nullptr)) return LICRT_INVALID_ARGUMENT;
  if (capacity < licrt_encode_bound(count, lanes)) return LICRT_BUFFER_TOO_SMALL;
  return licrt::encode(*tables, symbols, indexes, count, lanes, data, capacity, size);
}

licrt_status licrt_decode(const licrt_tables* tables, const int32_t* indexes, size_t count, unsigned lanes,
                          const uint8_t* data, size_t size, int32_t* symbols) {
  if (tables == nullptr || (data == nullptr && size != 0) || !valid_lanes(lanes)) return LICRT_INVALID_ARGUMENT;
  if (count != 0 && (symbols == nullptr || indexes == nullptr)) return LICRT_INVALID_ARGUMENT;
  return licrt::decode(*tables, indexes, count, lanes, data, size, symbols);
}

const char* licrt_kernels(size_t index) {
  const char* name = nullptr;
  guarded([&] {
    const auto kernels = licrt::available_kernels();
    if (index < kernels.size()) name = kernels[index]->name;
    return LICRT_OK;
  });
  return name;
}

licrt_status licrt_network_create(const uint8_t* blob, size_t size, const char* cpu, licrt_network** out, char* reason,
                                  size_t reason_size) {
  explain(reason, reason_size, "");
  if (blob == nullptr || out == nullptr) return LICRT_INVALID_ARGUMENT;
  return create(cpu, reason, reason_size, [&](const licrt::Kernels& kernels) {
    *out = new licrt_network{licrt::make_plan(licrt::parse_network({blob, size}), kernels)};
  });
}

void licrt_network_destroy(licrt_network* network) { delete network; }

licrt_status licrt_network_describe(const licrt_network* network, licrt_network_info* info) {
  if (network == nullptr || info == nullptr) return LICRT_INVALID_ARGUMENT;
  const licrt::Plan& plan = network->plan;
  *info = {static_cast<uint32_t>(plan.input_offset.size()),
           plan.index_channels,
           plan.mean_channels,
           plan.threshold_count,
           plan.rate_points,
           plan.kernels->name};
  return LICRT_OK;
}

licrt_status licrt_network_output_size(const licrt_network* network, size_t height, size_t width, size_t* output_height,
                                       size_t* output_width) {
  if (network == nullptr || output_height == nullptr || output_width == nullptr) return LICRT_INVALID_ARGUMENT;
  const licrt::Size size = licrt::output_size(network->plan, {height, width});
  if (size.height == 0) return LICRT_INVALID_ARGUMENT;
  *output_height = size.height;
  *output_width = size.width;
  return LICRT_OK;
}

licrt_status licrt_network_run(const licrt_network* network, const int32_t* symbols, size_t height, size_t width,
                               size_t crop_height, size_t crop_width, unsigned threads, uint32_t point,
                               int32_t* indexes, int32_t* means) {
  if (network == nullptr || symbols == nullptr || threads == 0) return LICRT_INVALID_ARGUMENT;
  const licrt::Plan& plan = network->plan;
  if (point >= plan.rate_points) return LICRT_INVALID_ARGUMENT;
  if (plan.index_channels != 0 && indexes == nullptr) return LICRT_INVALID_ARGUMENT;
  if (plan.mean_channels != 0 && means == nullptr) return LICRT_INVALID_ARGUMENT;
  const licrt::Size output = licrt::output_size(plan, {height, width});
  if (crop_height < 1 || crop_height > output.height || crop_width < 1 || crop_width > output.width) {
    return LICRT_INVALID_ARGUMENT;
  }
  return guarded([&] {
    licrt::run_plan(plan, symbols, {height, width}, {crop_height, crop_width}, threads, point, indexes, means);
    return LICRT_OK;
  });
}

licrt_status licrt_context_create(const uint8_t* blob, size_t size, const char* cpu, licrt_context** out, char* reason,
                                  size_t reason_size) {
  explain(reason, reason_size, "");
  if (blob == nullptr || out == nullptr) return LICRT_INVALID_ARGUMENT;
  return create(cpu, reason, reason_size, [&](const licrt::Kernels& kernels) {
    *out = new licrt_context{licrt::make_context_plan(licrt::parse_context({blob, size}), kernels)};
  });
}

void licrt_context_destroy(licrt_context* context) { delete context; }

licrt_status licrt_context_describe(const licrt_context* context, licrt_context_info* info) {
  if (context == nullptr || info == nullptr) return LICRT_INVALID_ARGUMENT;
  const licrt::ContextPlan& plan = context->plan;
  *info = {plan.latent_channels, plan.feature_channels, plan.table_count, plan.rate_points, plan.kernels->name};
  return LICRT_OK;
}

licrt_status licrt_context_encode(const licrt_context* context, const int32_t* features, const float* latent,
                                  size_t height, size_t width, unsigned threads, uint32_t point, int32_t* symbols,
                                  int32_t* indexes, int32_t* y_hat) {
  if (!valid_call(context, features, height, width, threads, point, y_hat)) return LICRT_INVALID_ARGUMENT;
  if (latent == nullptr || symbols == nullptr || indexes == nullptr) return LICRT_INVALID_ARGUMENT;
  const licrt::ContextPlan& plan = context->plan;
  if (!all_finite(latent, plan.latent_channels * height * width)) return LICRT_INVALID_ARGUMENT;
  return guarded([&] {
    const licrt::Dequantiser dequantiser(plan, point);
    licrt::LatentSource source(dequantiser, latent, height * width, symbols, indexes);
    return licrt::run_context(plan, features, {height, width}, threads, dequantiser, point, source, y_hat);
  });
}

licrt_status licrt_context_decode(const licrt_context* context, const int32_t* features, const licrt_tables* tables,
                                  const uint8_t* data, size_t size, unsigned lanes, size_t height, size_t width,
                                  unsigned threads, uint32_t point, int32_t* y_hat) {
  return decode_context(context, features, tables, data, size, lanes, height, width, threads, point, nullptr, nullptr,
                        y_hat);
}

licrt_status licrt_context_decode_symbols(const licrt_context* context, const int32_t* features,
                                          const licrt_tables* tables, const uint8_t* data, size_t size, unsigned lanes,
                                          size_t height, size_t width, unsigned threads, uint32_t point,
                                          int32_t* symbols, int32_t* indexes, int32_t* y_hat) {
  if (symbols == nullptr || indexes == nullptr) return LICRT_INVALID_ARGUMENT;
  return decode_context(context, features, tables, data, size, lanes, height, width, threads, point, symbols, indexes,
                        y_hat);
}
