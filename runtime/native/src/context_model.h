// A context model as docs/integer-net.md, sections 7 and 8, define it, read from its blob and proved; nothing here is
// laid out for speed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "network.h"

namespace licrt {

enum class Order : uint32_t { kWhole = 0, kCheckerboard = 1, kWavefront = 2 };

// Whether a tap of a spatial layer of that order sees latents of earlier passes only.
bool live_tap(Order order, unsigned reach, unsigned ky, unsigned kx);

struct GroupSpec {
  uint32_t channels;
  Order order;
  std::vector<uint32_t> sources;
  std::optional<NetworkSpec> channel_network;
  std::optional<LayerSpec> spatial;
  uint32_t bias_sets;                 // 0, or the number of rate points
  std::vector<int32_t> spatial_bias;  // [bias_sets][channels of spatial]
  std::vector<LayerSpec> parameters;
  HeadsSpec heads;
};

// What turns symbols into latents, at each rate point.
struct RatesSpec {
  std::vector<uint32_t> multiplier;  // [rate_points]
  std::vector<uint8_t> shift;        // [rate_points]
  std::vector<int64_t> offset;       // [rate_points][table_count]
};

struct ContextSpec {
  uint32_t latent_channels, feature_channels, bits, mean_fraction, table_count, rate_points;
  std::vector<uint8_t> latent_shift;  // [latent_channels]
  std::optional<RatesSpec> rates;
  std::vector<GroupSpec> groups;
};

// Reads and proves a blob. Throws InvalidNetwork where it breaks a rule; allocates no more than a few times its size.
ContextSpec parse_context(Reader reader);

}  // namespace licrt
