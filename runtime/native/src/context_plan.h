// A context model laid out for its kernels.
#pragma once

#include <optional>
#include <vector>

#include "context_model.h"
#include "plan.h"

namespace licrt {

// The weights of a window and where they apply: all in 8 bits, where they fit and the kernels read such, and else in
// those of the phase.
struct PointWindow {
  Phase phase;
  AlignedArray<int8_t> narrow;
};

// A layer that is computed at some positions only, from the sums of several windows. What it reads lies in as many
// images, or in one.
struct PointLayer {
  LayerSpec spec;  // without weights
  std::vector<Block> blocks;
  std::vector<PointWindow> windows;
};

struct GroupPlan {
  uint32_t first, channels;  // of the latent
  Order order;
  std::vector<uint32_t> sources;
  std::optional<Plan> channel_network;
  std::optional<PointLayer> spatial;  // the live taps, in a few rectangles
  uint32_t bias_sets;
  std::vector<int32_t> spatial_bias;     // [bias_sets][channels of spatial]
  std::vector<PointLayer> parameters;    // windows of the first: features, channel features, spatial features, if any
  std::vector<uint32_t> feature_counts;  // channels that each of these windows reads
  uint32_t mean_channels;
};

struct ContextPlan {
  const Kernels* kernels;
  uint32_t latent_channels, feature_channels, bits, mean_fraction, table_count, rate_points;
  std::vector<uint8_t> latent_shift;  // [latent_channels]
  std::optional<RatesSpec> rates;
  std::vector<GroupPlan> groups;
};

ContextPlan make_context_plan(const ContextSpec& context, const Kernels& kernels);

}  // namespace licrt
