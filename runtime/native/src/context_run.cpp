#include "context_run.h"

#include <algorithm>
#include <cstring>

#include "pixels.h"
#include "run.h"
#include "schedule.h"
#include "team.h"

namespace licrt {
namespace {

constexpr size_t kTilesPerTask = 8;
constexpr unsigned kBorder = 2;  // the farthest that a spatial layer sees

// Values that the next layer reads, [position][channel], and where each position's begin.
struct Rows {
  Rows(size_t positions, size_t pixel) : values(positions * pixel), pixel(pixel), at(positions) {
    for (size_t position = 0; position < positions; ++position) at[position] = values.data() + position * pixel;
  }

  AlignedArray<int16_t> values;
  size_t pixel;
  std::vector<const int16_t*> at;
};

// One window of a layer, and the pixel that its origin is at, for each position.
struct Read {
  const PointWindow* window;
  const int16_t* const* at;
  size_t row, pixel;
};

// How a number of positions is cut into tiles of about the same size, and tiles into tasks.
struct Tiling {
  Tiling(size_t positions, unsigned most)
      : positions(positions),
        tiles((positions + most - 1) / most),
        tasks((tiles + kTilesPerTask - 1) / kTilesPerTask) {}

  size_t begin(size_t tile) const { return positions * tile / tiles; }

  size_t positions, tiles, tasks;
};

struct Tile {
  alignas(64) int32_t sums[kMaxPositions * kMaxBlock];
  alignas(64) int32_t values[kMaxPositions * kMaxBlock];
};

// Adds the sums of one block of channels to those of a tile. No-overflow: all layers are proved in 32 bits, whatever
// the order of their windows.
void accumulate(const Kernels& kernels, const int16_t** inputs, unsigned count, const Window& window,
                const PointWindow& layer, size_t block, int32_t* sums) {
  const size_t first = block * layer.phase.plane_size;
  if (layer.narrow.data() != nullptr) {
    kernels.accumulate8(inputs, count, window, layer.narrow.data() + first, sums);
  } else if (kernels.accumulate32 != nullptr) {
    kernels.accumulate32(inputs, count, window, layer.phase.weights.data() + first, sums);
  } else {
    alignas(64) int32_t more[kMaxPositions * kMaxBlock];
    std::fill(inputs + count, inputs + kernels.positions, inputs[0]);  // computed, not added
    kernels.sum32(inputs, window, layer.phase.weights.data() + first, more);
    for (unsigned i = 0; i < count * kernels.block; ++i) sums[i] += more[i];
  }
}

// Calls finish(block, first position, number of positions, tile) for every tile of a layer, on all threads. Sums begin
// with `base`, [position][block][channel], where that is not null.
template <typename Finish>
void run_layer(const Kernels& kernels, Team& team, const PointLayer& layer, const std::vector<Read>& reads,
               size_t positions, const int32_t* base, const Finish& finish) {
  const Tiling tiling(positions, kernels.positions);
  const size_t stride = layer.blocks.size() * kernels.block;
  team.each(layer.blocks.size() * tiling.tasks, [&](size_t task) {
    const size_t block = task / tiling.tasks, first_tile = task % tiling.tasks * kTilesPerTask;
    const size_t end_tile = std::min(first_tile + kTilesPerTask, tiling.tiles);
    Tile tile;
    for (size_t number = first_tile; number < end_tile; ++number) {
      const size_t first = tiling.begin(number);
      const auto count = static_cast<unsigned>(tiling.begin(number + 1) - first);
      unsigned begun = 0;
      for (; base != nullptr && begun < count; ++begun) {
        std::copy_n(base + (first + begun) * stride + block * kernels.block, kernels.block,
                    tile.sums + begun * kernels.block);
      }
      std::fill(tile.sums + begun * kernels.block, tile.sums + kernels.positions * kernels.block, 0);
      for (const Read& read : reads) {
        const Phase& phase = read.window->phase;
        const ptrdiff_t origin =
            phase.in_y * static_cast<ptrdiff_t>(read.row) + phase.in_x * static_cast<ptrdiff_t>(read.pixel);
        const int16_t* inputs[kMaxPositions];
        for (unsigned position = 0; position < count; ++position) inputs[position] = read.at[first + position] + origin;
        const Window window{static_cast<ptrdiff_t>(phase.row_step * read.row), phase.rows,
                            static_cast<unsigned>(phase.columns * read.pixel)};
        accumulate(kernels, inputs, count, window, *read.window, block, tile.sums);
      }
      finish(block, first, count, tile);
    }
  });
}

template <typename Value>
void store(const Block& block, unsigned width, const int32_t* values, unsigned count, Value* rows, size_t row) {
  for (unsigned position = 0; position < count; ++position) {
    for (unsigned channel = 0; channel < block.count; ++channel) {
      rows[position * row + channel] = static_cast<Value>(values[position * width + channel]);
    }
  }
}

// Section 7: what networks see of features, saturated to `bits`.
Image see_features(const ContextPlan& plan, const int32_t* features, Size size, Team& team) {
  const int32_t highest = (1 << (plan.bits - 1)) - 1;
  Image image = make_image(padded_pixel(plan.feature_channels, *plan.kernels), size, 0);
  planes_to_pixels(team, features, plan.feature_channels, size.height * size.width, image.at(0, 0), image.pixel,
                   [&](int32_t value) { return static_cast<int16_t>(std::clamp(value, -highest - 1, highest)); });
  return image;
}

// What a call works with, whatever the group.
struct Call {
  const ContextPlan& plan;
  Size size;
  Team& team;
  const Dequantiser& dequantiser;
  uint32_t point;
  SymbolSource& source;
  int32_t* y_hat;
  Image features;
  std::vector<Image> latents;  // [group], as networks see them
};

Image make_channel_features(Call& call, const GroupPlan& group) {
  const Plan& network = *group.channel_network;
  const Kernels& kernels = *call.plan.kernels;
  Image features = make_image(padded_pixel(network.mean_channels, kernels), call.size, 0);
  const auto fill = [&](Image& input) {
    call.team.each(call.size.height, [&](size_t y) {
      for (size_t x = 0; x < call.size.width; ++x) {
        int16_t* pixel = input.at(static_cast<ptrdiff_t>(y), static_cast<ptrdiff_t>(x));
        for (const uint32_t source : group.sources) {
          const int16_t* const seen = call.latents[source].at(static_cast<ptrdiff_t>(y), static_cast<ptrdiff_t>(x));
          pixel = std::copy_n(seen, call.plan.groups[source].channels, pixel);
        }
      }
    });
  };
  run_features(network, call.size, fill, call.team, features);
  return features;
}

// One group of one call, with what is kept from one layer to the next.
class GroupRun {
 public:
  GroupRun(Call& call, size_t number, const Schedule& schedule);

  licrt_status run();

 private:
  void sum_known(const Batch& batch);
  void predict(const Slice& slice, const int32_t* known);
  licrt_status code(const Slice& slice);

  Call& call_;
  const Kernels& kernels_;
  const GroupPlan& group_;
  const Schedule& schedule_;
  Image channel_features_;
  Image& seen_;                                     // the group's own latents
  AlignedArray<int32_t> latents_;                   // [place][channel]
  std::vector<Requantisation> spatial_how_;         // [block of the spatial layer]
  AlignedArray<int32_t> known_;                     // [position of a batch][block of the first layer][channel]
  std::vector<const int16_t*> features_at_;         // [position of a batch]
  std::vector<const int16_t*> channels_at_;         // likewise
  std::vector<const int16_t*> seen_at_;             // [position of a slice]
  std::vector<size_t> places_;                      // [position of a slice], in a plane of y_hat
  std::vector<Rows> hidden_;                        // spatial features if there are any, then every layer but the last
  std::vector<int32_t> indexes_, means_, symbols_;  // [position of a slice][channel]
};

GroupRun::GroupRun(Call& call, size_t number, const Schedule& schedule)
    : call_(call),
      kernels_(*call.plan.kernels),
      group_(call.plan.groups[number]),
      schedule_(schedule),
      seen_(call.latents[number]) {
  size_t slice = 0, batch = 0;
  for (const Slice& each : schedule.slices) slice = std::max(slice, each.end - each.begin);
  for (const Batch& each : schedule.batches) batch = std::max(batch, each.end - each.begin);
  seen_ = make_image(padded_pixel(group_.channels, kernels_), call.size, kBorder);
  if (group_.channel_network) channel_features_ = make_channel_features(call, group_);
  known_ = AlignedArray<int32_t>(batch * group_.parameters.front().blocks.size() * kernels_.block);
  latents_ = AlignedArray<int32_t>(call.size.height * call.size.width * group_.channels);
  features_at_.resize(batch);
  channels_at_.resize(batch);
  seen_at_.resize(slice);
  places_.resize(slice);
  if (group_.spatial) {
    const LayerSpec& layer = group_.spatial->spec;
    const int32_t* const bias =
        group_.bias_sets == 0 ? layer.bias.data() : group_.spatial_bias.data() + size_t{call.point} * layer.out;
    for (const Block& block : group_.spatial->blocks) {
      spatial_how_.push_back(make_requantisation(layer, bias, block.first, block.count, false));
    }
    hidden_.emplace_back(slice, padded_pixel(layer.out, kernels_));
  }
  for (size_t layer = 0; layer + 1 < group_.parameters.size(); ++layer) {
    hidden_.emplace_back(slice, padded_pixel(group_.parameters[layer].spec.out, kernels_));
  }
  const size_t symbols = slice * group_.channels;
  indexes_.resize(symbols);
  means_.resize(symbols);  // and stay 0 where there is no mean head
  symbols_.resize(symbols);
}

// The part of the first layer that no latent of this group has a say in.
void GroupRun::sum_known(const Batch& batch) {
  const size_t count = batch.end - batch.begin;
  for (size_t i = 0; i < count; ++i) {
    const auto [y, x] = schedule_.positions[batch.begin + i];
    features_at_[i] = call_.features.at(y, x);
    if (group_.channel_network) channels_at_[i] = channel_features_.at(y, x);
  }
  const PointLayer& layer = group_.parameters.front();
  std::vector<Read> reads{{&layer.windows[0], features_at_.data(), 0, call_.features.pixel}};
  if (group_.channel_network) {
    reads.push_back({&layer.windows[1], channels_at_.data(), 0, channel_features_.pixel});
  }
  const size_t stride = layer.blocks.size() * kernels_.block;
  const auto finish = [&](size_t block, size_t first, unsigned positions, const Tile& tile) {
    for (unsigned position = 0; position < positions; ++position) {
      std::copy_n(tile.sums + position * kernels_.block, kernels_.block,
                  known_.data() + (first + position) * stride + block * kernels_.block);
    }
  };
  run_layer(kernels_, call_.team, layer, reads, count, nullptr, finish);
}

// Indexes and means of a slice, from the sums of what is known.
void GroupRun::predict(const Slice& slice, const int32_t* known) {
  const size_t count = slice.end - slice.begin;
  for (size_t i = 0; i < count; ++i) {
    const auto [y, x] = schedule_.positions[slice.begin + i];
    seen_at_[i] = seen_.at(y, x);
    places_[i] = y * call_.size.width + x;
  }
  // In the first of two passes all spatial features are 0, and there is nothing to add.
  const bool spatial = group_.spatial && !(group_.order == Order::kCheckerboard && slice.first_pass);
  const auto hand_on = [&](const PointLayer& layer, const Requantisation& how, Rows& rows, size_t block, size_t first,
                           unsigned positions, Tile& tile) {
    kernels_.requantise32(tile.sums, how, tile.values);
    store(layer.blocks[block], kernels_.block, tile.values, positions,
          rows.values.data() + first * rows.pixel + layer.blocks[block].first, rows.pixel);
  };
  std::vector<Read> reads;
  if (spatial) {
    const PointLayer& layer = *group_.spatial;
    for (const PointWindow& window : layer.windows) reads.push_back({&window, seen_at_.data(), seen_.row, seen_.pixel});
    run_layer(kernels_, call_.team, layer, reads, count, nullptr,
              [&](size_t block, size_t first, unsigned positions, Tile& tile) {
                hand_on(layer, spatial_how_[block], hidden_.front(), block, first, positions, tile);
              });
    reads = {{&group_.parameters.front().windows.back(), hidden_.front().at.data(), 0, hidden_.front().pixel}};
  }
  Rows* next = hidden_.data() + (group_.spatial ? 1 : 0);
  const size_t last = group_.parameters.size() - 1;
  for (size_t number = 0; number < last; ++number, ++next) {
    const PointLayer& layer = group_.parameters[number];
    run_layer(kernels_, call_.team, layer, reads, count, number == 0 ? known : nullptr,
              [&](size_t block, size_t first, unsigned positions, Tile& tile) {
                hand_on(layer, layer.blocks[block].requantisation, *next, block, first, positions, tile);
              });
    reads = {{&group_.parameters[number + 1].windows.front(), next->at.data(), 0, next->pixel}};
  }
  const PointLayer& heads = group_.parameters[last];
  const unsigned thresholds = call_.plan.table_count - 1;
  const size_t set = size_t{call_.point} * thresholds * kernels_.block;
  run_layer(kernels_, call_.team, heads, reads, count, last == 0 ? known : nullptr,
            [&](size_t number, size_t first, unsigned positions, Tile& tile) {
              const Block& block = heads.blocks[number];
              int32_t* const row = (block.index_head ? indexes_ : means_).data() + first * group_.channels;
              if (block.index_head) {
                kernels_.count32(tile.sums, block.thresholds32.data() + set, thresholds, tile.values);
              } else {
                kernels_.requantise32(tile.sums, block.requantisation, tile.values);
              }
              store(block, kernels_.block, tile.values, positions, row + block.first % group_.channels,
                    group_.channels);
            });
}

licrt_status GroupRun::code(const Slice& slice) {
  const size_t count = slice.end - slice.begin, channels = group_.channels;
  const licrt_status status = call_.source.code(places_.data(), count, indexes_.data(), means_.data(), symbols_.data());
  if (status != LICRT_OK) return status;
  const int32_t highest = (1 << (call_.plan.bits - 1)) - 1;
  const uint8_t* const shift = call_.plan.latent_shift.data() + group_.first;
  call_.team.each(count, [&](size_t position) {
    const size_t first = position * channels;
    int32_t* const values = symbols_.data() + first;
    call_.dequantiser.apply(values, indexes_.data() + first, means_.data() + first, channels);
    const auto [y, x] = schedule_.positions[slice.begin + position];
    int16_t* const pixel = seen_.at(y, x);
    for (size_t channel = 0; channel < channels; ++channel) {
      const int32_t seen = (values[channel] + ((1 << shift[channel]) >> 1)) >> shift[channel];
      pixel[channel] = static_cast<int16_t>(std::clamp(seen, -highest - 1, highest));
    }
    std::copy_n(values, channels, latents_.data() + places_[position] * channels);
  });
  return LICRT_OK;
}

licrt_status GroupRun::run() {
  const size_t stride = group_.parameters.front().blocks.size() * kernels_.block;
  call_.source.begin(group_.first, group_.channels, call_.team);
  for (const Batch& batch : schedule_.batches) {
    sum_known(batch);
    for (size_t number = batch.first_slice; number < batch.end_slice; ++number) {
      const Slice& slice = schedule_.slices[number];
      predict(slice, known_.data() + (slice.begin - batch.begin) * stride);
      const licrt_status status = code(slice);
      if (status != LICRT_OK) return status;
    }
  }
  const size_t places = call_.size.height * call_.size.width;
  pixels_to_planes(call_.team, latents_.data(), group_.channels, places, call_.y_hat + group_.first * places);
  return LICRT_OK;
}

// More threads than blocks of channels would have nothing to do.
unsigned useful_threads(const ContextPlan& plan, unsigned threads) {
  size_t blocks = 1;
  for (const GroupPlan& group : plan.groups) {
    for (const PointLayer& layer : group.parameters) blocks = std::max(blocks, layer.blocks.size());
    if (group.spatial) blocks = std::max(blocks, group.spatial->blocks.size());
  }
  return static_cast<unsigned>(std::min<size_t>(threads, blocks));
}

}  // namespace

licrt_status run_context(const ContextPlan& plan, const int32_t* features, Size size, unsigned threads,
                         const Dequantiser& dequantiser, uint32_t point, SymbolSource& source, int32_t* y_hat) {
  Team team(useful_threads(plan, threads));
  Call call{plan,
            size,
            team,
            dequantiser,
            point,
            source,
            y_hat,
            see_features(plan, features, size, team),
            std::vector<Image>(plan.groups.size())};
  Schedule schedule;
  for (size_t number = 0; number < plan.groups.size(); ++number) {
    const Order order = plan.groups[number].order;
    if (number == 0 || order != plan.groups[number - 1].order) schedule = make_schedule(order, size);
    const licrt_status status = GroupRun(call, number, schedule).run();
    if (status != LICRT_OK) return status;
  }
  return LICRT_OK;
}

}  // namespace licrt
