#include "context_plan.h"

#include <algorithm>

namespace licrt {
namespace {

PointLayer make_point_layer(const LayerSpec& spec, const HeadsSpec* heads, const Kernels& kernels) {
  PointLayer layer;
  layer.blocks = make_blocks(spec, heads, kernels.block);
  layer.spec = spec;
  layer.spec.weight.clear();
  layer.spec.weight.shrink_to_fit();
  return layer;
}

// All layers are proved in 32 bits, so their sums are formed in one plane.
PointWindow make_point_window(const LayerSpec& spec, const PointLayer& layer, const Axis& vertical,
                              const Axis& horizontal, uint32_t first_channel, uint32_t channels,
                              const Kernels& kernels) {
  PointWindow window{
      make_window(spec, layer.blocks, Summation::kNarrow, vertical, horizontal, first_channel, channels, kernels), {}};
  if (spec.weight_bits == 8 && kernels.accumulate8 != nullptr) {
    const size_t size = layer.blocks.size() * window.phase.plane_size;
    window.narrow = AlignedArray<int8_t>(size);
    std::copy_n(window.phase.weights.data(), size, window.narrow.data());
    window.phase.weights = {};
  }
  return window;
}

// The live taps of a masked layer as rectangles of taps that are side by side; rows may be two apart. For 5x5 these are
// 2 in order wavefront, and 5 in order checkerboard.
PointLayer make_spatial(const LayerSpec& spec, Order order, const Kernels& kernels) {
  PointLayer layer = make_point_layer(spec, nullptr, kernels);
  const unsigned kernel = spec.kernel_h, reach = spec.padding;
  std::vector<bool> packed(size_t{kernel} * kernel);
  const auto live = [&](unsigned y, unsigned x) {
    return y < kernel && x < kernel && live_tap(order, reach, y, x) && !packed[y * kernel + x];
  };
  const unsigned row_step = order == Order::kCheckerboard ? 2 : 1;
  for (unsigned y = 0; y < kernel; ++y) {
    for (unsigned x = 0; x < kernel; ++x) {
      if (!live(y, x)) continue;
      unsigned columns = 1, rows = 1;
      while (live(y, x + columns)) ++columns;
      const auto same_row = [&](unsigned row) {
        for (unsigned column = x; column < x + columns; ++column) {
          if (!live(row, column)) return false;
        }
        return true;
      };
      while (same_row(y + rows * row_step)) ++rows;
      const int in_y = static_cast<int>(y) - static_cast<int>(reach),
                in_x = static_cast<int>(x) - static_cast<int>(reach);
      const Axis vertical{in_y, rows, static_cast<int>(y), static_cast<int>(row_step)};
      const Axis horizontal{in_x, columns, static_cast<int>(x), 1};
      layer.windows.push_back(make_point_window(spec, layer, vertical, horizontal, 0, spec.in, kernels));
      layer.windows.back().phase.row_step = row_step;
      for (unsigned row = 0; row < rows; ++row) {
        for (unsigned column = 0; column < columns; ++column) packed[(y + row * row_step) * kernel + x + column] = true;
      }
    }
  }
  return layer;
}

GroupPlan make_group(const GroupSpec& spec, uint32_t first, uint32_t feature_channels, const Kernels& kernels) {
  GroupPlan group{};
  group.first = first;
  group.channels = spec.channels;
  group.order = spec.order;
  group.sources = spec.sources;
  group.bias_sets = spec.bias_sets;
  group.spatial_bias = spec.spatial_bias;
  group.mean_channels = spec.heads.mean_channels;
  group.feature_counts.push_back(feature_channels);
  if (spec.channel_network) {
    group.channel_network = make_plan(*spec.channel_network, kernels);
    group.feature_counts.push_back(spec.channel_network->heads.mean_channels);
  }
  if (spec.spatial) {
    group.spatial = make_spatial(*spec.spatial, spec.order, kernels);
    group.feature_counts.push_back(spec.spatial->out);
  }
  const Axis point{0, 1, 0, 1};
  for (size_t number = 0; number < spec.parameters.size(); ++number) {
    const LayerSpec& layer_spec = spec.parameters[number];
    const bool last = number + 1 == spec.parameters.size();
    PointLayer layer = make_point_layer(layer_spec, last ? &spec.heads : nullptr, kernels);
    if (number == 0) {
      uint32_t channel = 0;
      for (const uint32_t count : group.feature_counts) {
        layer.windows.push_back(make_point_window(layer_spec, layer, point, point, channel, count, kernels));
        channel += count;
      }
    } else {
      layer.windows.push_back(make_point_window(layer_spec, layer, point, point, 0, layer_spec.in, kernels));
    }
    group.parameters.push_back(std::move(layer));
  }
  return group;
}

}  // namespace

ContextPlan make_context_plan(const ContextSpec& context, const Kernels& kernels) {
  ContextPlan plan{};
  plan.kernels = &kernels;
  plan.latent_channels = context.latent_channels;
  plan.feature_channels = context.feature_channels;
  plan.bits = context.bits;
  plan.mean_fraction = context.mean_fraction;
  plan.table_count = context.table_count;
  plan.rate_points = context.rate_points;
  plan.latent_shift = context.latent_shift;
  plan.rates = context.rates;
  uint32_t first = 0;
  for (const GroupSpec& group : context.groups) {
    plan.groups.push_back(make_group(group, first, context.feature_channels, kernels));
    first += group.channels;
  }
  return plan;
}

}  // namespace licrt
