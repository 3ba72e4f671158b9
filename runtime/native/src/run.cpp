#include "run.h"

#include <algorithm>
#include <vector>

namespace licrt {
namespace {

constexpr size_t kTilesPerTask = 32;
constexpr size_t kFewPositions = 1 << 12, kMostSwelling = 16;

// One layer of one run. `output` is cropped in the last layer, and what a sub-pixel layer has before upscaling.
struct Stage {
  const Layer* layer;
  Size output;
  Image input;
  Image* next;  // null in a last layer that ends in heads
  size_t tasks = 0;
};

size_t tasks_per_block(const Phase& phase, Size output, unsigned positions) {
  const Size size = phase_size(phase, output);
  const size_t per_task = kTilesPerTask * positions;
  return (size.height * size.width + per_task - 1) / per_task;
}

struct Heads {
  uint32_t point;
  int32_t* indexes;
  int32_t* means;
};

// Sums of one tile, then the values or indexes they become: [position][channel].
struct Tile {
  alignas(64) int32_t sums32[kMaxPositions * kMaxBlock];
  alignas(64) int32_t low[kMaxPositions * kMaxBlock];
  alignas(64) int64_t sums64[kMaxPositions * kMaxBlock];
  alignas(64) int32_t values[kMaxPositions * kMaxBlock];
};

// No-overflow: sums fit their type by the proof that chose the summation.
void sum(const Kernels& kernels, const Layer& layer, const Phase& phase, size_t block, const int16_t* const* inputs,
         const Window& window, Tile& tile) {
  const unsigned size = kernels.positions * kernels.block;
  const unsigned planes = layer.summation == Summation::kPlanes ? 2 : 1;
  const int16_t* const weights = phase.weights.data() + block * planes * phase.plane_size;
  if (layer.summation == Summation::kWide) {
    kernels.sum64(inputs, window, weights, tile.sums64);
    return;
  }
  kernels.sum32(inputs, window, weights, tile.sums32);
  if (planes == 2) {
    kernels.sum32(inputs, window, weights + phase.plane_size, tile.low);
    for (unsigned i = 0; i < size; ++i) tile.sums64[i] = int64_t{tile.sums32[i]} * 256 + tile.low[i];
  } else if (layer.spec.accumulator_bits == 64) {
    for (unsigned i = 0; i < size; ++i) tile.sums64[i] = tile.sums32[i];
  }
}

void finish(const Kernels& kernels, const Layer& layer, const Block& block, unsigned thresholds, uint32_t point,
            Tile& tile) {
  const bool wide = layer.spec.accumulator_bits == 64;
  const size_t first = size_t{point} * thresholds * kernels.block;
  if (block.index_head && wide) {
    kernels.count64(tile.sums64, block.thresholds64.data() + first, thresholds, tile.values);
  } else if (block.index_head) {
    kernels.count32(tile.sums32, block.thresholds32.data() + first, thresholds, tile.values);
  } else if (wide) {
    kernels.requantise64(tile.sums64, block.requantisation, tile.values);
  } else {
    kernels.requantise32(tile.sums32, block.requantisation, tile.values);
  }
}

struct Pixel {
  size_t y, x;
};

void store_hidden(const Block& block, const int32_t* values, unsigned width, const Pixel* outputs, unsigned used,
                  Image& image) {
  for (unsigned position = 0; position < used; ++position, values += width) {
    int16_t* const pixel =
        image.at(static_cast<ptrdiff_t>(outputs[position].y), static_cast<ptrdiff_t>(outputs[position].x)) +
        block.first;
    for (unsigned channel = 0; channel < block.count; ++channel) {
      pixel[channel] = static_cast<int16_t>(values[channel]);
    }
  }
}

// Section 2: channel (c * u + i) * u + j of pixel (y, x) is channel c of pixel (u * y + i, u * x + j).
void store_subpixels(const Block& block, const int32_t* values, unsigned width, const Pixel* outputs, unsigned used,
                     size_t upscale, Image& image) {
  for (unsigned channel = 0; channel < block.count; ++channel) {
    const size_t number = block.first + channel;
    const size_t i = number / upscale % upscale, j = number % upscale;
    for (unsigned position = 0; position < used; ++position) {
      int16_t* const pixel = image.at(static_cast<ptrdiff_t>(upscale * outputs[position].y + i),
                                      static_cast<ptrdiff_t>(upscale * outputs[position].x + j));
      pixel[number / (upscale * upscale)] = static_cast<int16_t>(values[position * width + channel]);
    }
  }
}

// Channel by channel: pixels of one channel are neighbours in memory, channels of one pixel are far apart.
void store_head(const Block& block, const int32_t* values, unsigned width, const Pixel* outputs, unsigned used,
                Size size, int32_t* head) {
  size_t offsets[kMaxPositions];
  for (unsigned position = 0; position < used; ++position) {
    offsets[position] = outputs[position].y * size.width + outputs[position].x;
  }
  for (unsigned channel = 0; channel < block.count; ++channel, head += size.height * size.width) {
    for (unsigned position = 0; position < used; ++position) {
      head[offsets[position]] = values[position * width + channel];
    }
  }
}

// One block of channels, for up to kTilesPerTask tiles of positions of one phase.
void run_task(const Plan& plan, Stage& stage, const Phase& phase, size_t block_number, size_t chunk,
              const Heads& heads) {
  const Kernels& kernels = *plan.kernels;
  const Block& block = stage.layer->blocks[block_number];
  const Size size = phase_size(phase, stage.output);
  const Window window{static_cast<ptrdiff_t>(stage.input.row), phase.rows,
                      static_cast<unsigned>(phase.columns * stage.input.pixel)};
  const size_t begin = chunk * kTilesPerTask * kernels.positions;
  const size_t end = std::min(begin + kTilesPerTask * kernels.positions, size.height * size.width);
  const size_t plane = stage.output.height * stage.output.width;
  const size_t upscale = stage.layer->spec.upscale;
  int32_t* head = nullptr;
  if (stage.next == nullptr && block.index_head) head = heads.indexes + block.first * plane;
  if (stage.next == nullptr && !block.index_head) head = heads.means + (block.first - plan.index_channels) * plane;
  size_t m = begin / size.width, n = begin % size.width;
  Tile tile;
  for (size_t first = begin; first < end; first += kernels.positions) {
    const int16_t* inputs[kMaxPositions];
    Pixel outputs[kMaxPositions];
    const unsigned used = static_cast<unsigned>(std::min<size_t>(kernels.positions, end - first));
    for (unsigned position = 0; position < used; ++position) {
      inputs[position] = stage.input.at(phase.in_y + static_cast<ptrdiff_t>(m * phase.in_step),
                                        phase.in_x + static_cast<ptrdiff_t>(n * phase.in_step));
      outputs[position] = {phase.out_y + phase.out_step * m, phase.out_x + phase.out_step * n};
      if (++n == size.width) n = 0, ++m;
    }
    std::fill(inputs + used, inputs + kernels.positions, inputs[0]);  // computed, not stored
    sum(kernels, *stage.layer, phase, block_number, inputs, window, tile);
    finish(kernels, *stage.layer, block, plan.threshold_count, heads.point, tile);
    if (stage.next != nullptr && upscale != 1) {
      store_subpixels(block, tile.values, kernels.block, outputs, used, upscale, *stage.next);
    } else if (stage.next != nullptr) {
      store_hidden(block, tile.values, kernels.block, outputs, used, *stage.next);
    } else {
      store_head(block, tile.values, kernels.block, outputs, used, stage.output, head);
    }
  }
}

void run_stage(const Plan& plan, Stage& stage, const Heads& heads, Team& team) {
  team.each(stage.tasks, [&](size_t task) {
    for (const Phase& phase : stage.layer->phases) {
      const size_t chunks = tasks_per_block(phase, stage.output, plan.kernels->positions);
      const size_t tasks = chunks * stage.layer->blocks.size();
      if (task < tasks) return run_task(plan, stage, phase, task / chunks, task % chunks, heads);
      task -= tasks;
    }
  });
}

// The layers of one run; the last one's output is cropped, and goes to `features` where that is not null.
std::vector<Stage> make_stages(const Plan& plan, Size input, Size crop, Image* features) {
  std::vector<Stage> stages(plan.layers.size());
  Size size = input;
  for (size_t i = 0; i < stages.size(); ++i) {
    Stage& stage = stages[i];
    const bool last = i + 1 == stages.size();
    stage.layer = &plan.layers[i];
    const LayerSpec& spec = stage.layer->spec;
    const Size next =
        last ? crop : Size{output_side(spec, size.height, spec.kernel_h), output_side(spec, size.width, spec.kernel_w)};
    stage.output = {next.height / spec.upscale, next.width / spec.upscale};
    stage.input = make_image(*stage.layer, size, stage.output);
    stage.next = last ? features : &stages[i + 1].input;
    for (const Phase& phase : stage.layer->phases) {
      stage.tasks += tasks_per_block(phase, stage.output, plan.kernels->positions) * stage.layer->blocks.size();
    }
    size = next;
  }
  return stages;
}

}  // namespace

Size output_size(const Plan& plan, Size input) {
  Size size = input;
  size_t most = 0;
  for (const Layer& layer : plan.layers) {
    if (size.height == 0 || size.width == 0 || size.height > kMaxSide || size.width > kMaxSide) return {0, 0};
    size = {output_side(layer.spec, size.height, layer.spec.kernel_h),
            output_side(layer.spec, size.width, layer.spec.kernel_w)};
    most = std::max(most, size.height * size.width);
  }
  // A few small layers that grow and shrink again could ask for any amount of memory and time.
  const size_t ends = std::max(input.height * input.width, size.height * size.width);
  const bool swells = most > kFewPositions && most > kMostSwelling * ends;
  return size.height == 0 || size.width == 0 || swells ? Size{0, 0} : size;
}

void run_plan(const Plan& plan, const int32_t* symbols, Size input, Size crop, unsigned threads, uint32_t point,
              int32_t* indexes, int32_t* means) {
  std::vector<Stage> stages = make_stages(plan, input, crop, nullptr);
  fill_input(plan, symbols, input, stages.front().input);
  size_t most_tasks = 1;
  for (const Stage& stage : stages) most_tasks = std::max(most_tasks, stage.tasks);
  Team team(static_cast<unsigned>(std::min<size_t>(threads, most_tasks)));
  for (Stage& stage : stages) run_stage(plan, stage, {point, indexes, means}, team);
}

void run_features(const Plan& plan, Size size, const std::function<void(Image&)>& fill, Team& team, Image& features) {
  std::vector<Stage> stages = make_stages(plan, size, size, &features);
  fill(stages.front().input);
  for (Stage& stage : stages) run_stage(plan, stage, {}, team);
}

}  // namespace licrt
