#include "run.h"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstring>
#include <system_error>
#include <thread>

namespace licrt {
namespace {

constexpr size_t kTilesPerTask = 32;
constexpr unsigned kMaxThreads = 256;

// What a layer reads: values [y][x][channel] with a border of zeros as wide as its windows reach.
struct Image {
  AlignedArray<int16_t> values;
  size_t pixel = 0;  // values from one pixel to the next
  size_t row = 0;
  size_t origin = 0;  // of pixel (0, 0)

  int16_t* at(ptrdiff_t y, ptrdiff_t x) {
    return values.data() + static_cast<ptrdiff_t>(origin) + y * static_cast<ptrdiff_t>(row) +
           x * static_cast<ptrdiff_t>(pixel);
  }
};

// One layer of one run. `output` is cropped in the last layer.
struct Stage {
  const Layer* layer;
  Size output;
  Image input;
  Image* next;  // null in the last layer
  size_t tasks = 0;
  std::atomic<size_t> next_task = 0;
};

struct Heads {
  int32_t* indexes;
  int32_t* means;
};

size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

// Outputs of a phase along one axis.
size_t phase_length(size_t output, unsigned first, unsigned step) {
  return output > first ? (output - first - 1) / step + 1 : 0;
}

Size phase_size(const Phase& phase, Size output) {
  const size_t height = phase_length(output.height, phase.out_y, phase.out_step);
  const size_t width = phase_length(output.width, phase.out_x, phase.out_step);
  return height == 0 || width == 0 ? Size{0, 0} : Size{height, width};
}

size_t tasks_per_block(const Phase& phase, Size output, unsigned positions) {
  const Size size = phase_size(phase, output);
  return ceil_div(size.height * size.width, kTilesPerTask * positions);
}

struct Border {
  size_t before = 0, after = 0;

  void include(int first, unsigned step, size_t count, unsigned taps, size_t side) {
    const ptrdiff_t last = first + static_cast<ptrdiff_t>(step * (count - 1)) + std::max(taps, 1u) - 1;
    before = std::max(before, static_cast<size_t>(std::max(-first, 0)));
    after = std::max(after, static_cast<size_t>(std::max(last + 1 - static_cast<ptrdiff_t>(side), ptrdiff_t{0})));
  }
};

Image make_image(const Layer& layer, Size input, Size output) {
  Border vertical, horizontal;
  for (const Phase& phase : layer.phases) {
    const Size size = phase_size(phase, output);
    if (size.height == 0) continue;
    vertical.include(phase.in_y, phase.in_step, size.height, phase.rows, input.height);
    horizontal.include(phase.in_x, phase.in_step, size.width, phase.columns, input.width);
  }
  Image image;
  image.pixel = layer.pixel;
  image.row = (horizontal.before + input.width + horizontal.after) * image.pixel;
  image.origin = vertical.before * image.row + horizontal.before * image.pixel;
  image.values = AlignedArray<int16_t>((vertical.before + input.height + vertical.after) * image.row);
  return image;
}

void fill_input(const Plan& plan, const int32_t* symbols, Size size, Image& image) {
  const int64_t highest = (int64_t{1} << (plan.input_bits - 1)) - 1;
  for (size_t channel = 0; channel < plan.input_offset.size(); ++channel) {
    for (size_t y = 0; y < size.height; ++y) {
      int16_t* pixel = image.at(static_cast<ptrdiff_t>(y), 0) + channel;
      for (size_t x = 0; x < size.width; ++x, pixel += image.pixel) {
        const int64_t value = int64_t{*symbols++} * (int64_t{1} << plan.input_shift) + plan.input_offset[channel];
        *pixel = static_cast<int16_t>(std::clamp(value, -highest - 1, highest));
      }
    }
  }
}

// Accumulators of one tile, then the values or indexes they become.
struct Tile {
  alignas(64) int32_t sums[2][kMaxPositions * kBlock];
  alignas(64) int32_t acc32[kMaxPositions * kBlock];
  alignas(64) int64_t acc64[kMaxPositions * kBlock];
  alignas(64) int32_t values[kMaxPositions * kBlock];
};

// No-overflow: each sum fits its type by the proof that chose the summation, the whole by the proof of the network.
void accumulate(const Kernels& kernels, const Layer& layer, const Phase& phase, size_t number,
                const int16_t* const* inputs, const Window& window, Tile& tile) {
  const Block& block = layer.blocks[number];
  const unsigned size = kernels.positions * kBlock;
  const bool planes = layer.summation == Summation::kPlanes;
  const int16_t* const weights = phase.weights.data() + number * (planes ? 2 : 1) * phase.plane_size;
  if (layer.summation == Summation::kWide) {
    kernels.sum64(inputs, window, weights, tile.acc64);
    for (unsigned i = 0; i < size; ++i) tile.acc64[i] += block.bias[i % kBlock];
    return;
  }
  kernels.sum32(inputs, window, weights, tile.sums[0]);
  if (planes) {
    kernels.sum32(inputs, window, weights + phase.plane_size, tile.sums[1]);
    for (unsigned i = 0; i < size; ++i) {
      tile.acc64[i] = int64_t{tile.sums[0][i]} * 256 + tile.sums[1][i] + block.bias[i % kBlock];
    }
  } else if (layer.spec.accumulator_bits == 64) {
    for (unsigned i = 0; i < size; ++i) tile.acc64[i] = int64_t{tile.sums[0][i]} + block.bias[i % kBlock];
  } else {
    for (unsigned i = 0; i < size; ++i) tile.acc32[i] = tile.sums[0][i] + block.bias[i % kBlock];
  }
}

void finish(const Kernels& kernels, const Layer& layer, const Block& block, unsigned thresholds, Tile& tile) {
  const bool wide = layer.spec.accumulator_bits == 64;
  if (block.index_head && wide) {
    kernels.count64(tile.acc64, block.thresholds64.data(), thresholds, tile.values);
  } else if (block.index_head) {
    kernels.count32(tile.acc32, block.thresholds32.data(), thresholds, tile.values);
  } else if (wide) {
    kernels.requantise64(tile.acc64, block.requantisation, tile.values);
  } else {
    kernels.requantise32(tile.acc32, block.requantisation, tile.values);
  }
}

void store_hidden(const Block& block, const int32_t* values, int16_t* pixel) {
  int16_t narrow[kBlock];
  for (unsigned channel = 0; channel < kBlock; ++channel) narrow[channel] = static_cast<int16_t>(values[channel]);
  if (block.count == kBlock) {
    std::memcpy(pixel + block.first, narrow, sizeof narrow);
  } else {
    std::memcpy(pixel + block.first, narrow, block.count * sizeof *narrow);
  }
}

// One block of channels, for up to kTilesPerTask tiles of positions of one phase.
void run_task(const Plan& plan, Stage& stage, const Phase& phase, size_t block_number, size_t chunk,
              const Heads& heads) {
  const Kernels& kernels = *plan.kernels;
  const Layer& layer = *stage.layer;
  const Block& block = layer.blocks[block_number];
  const Size size = phase_size(phase, stage.output);
  const Window window{static_cast<ptrdiff_t>(stage.input.row), phase.rows,
                      static_cast<unsigned>(phase.columns * stage.input.pixel)};
  const size_t begin = chunk * kTilesPerTask * kernels.positions;
  const size_t end = std::min(begin + kTilesPerTask * kernels.positions, size.height * size.width);
  const size_t plane = stage.output.height * stage.output.width;
  int32_t* head = nullptr;
  if (stage.next == nullptr) {
    head = block.index_head ? heads.indexes + block.first * plane
                            : heads.means + (block.first - plan.index_channels) * plane;
  }
  size_t m = begin / size.width, n = begin % size.width;
  Tile tile;
  for (size_t first = begin; first < end; first += kernels.positions) {
    const int16_t* inputs[kMaxPositions];
    size_t out_y[kMaxPositions], out_x[kMaxPositions];
    const unsigned used = static_cast<unsigned>(std::min<size_t>(kernels.positions, end - first));
    for (unsigned position = 0; position < kernels.positions; ++position) {
      if (position >= used) {  // computed again, not stored
        inputs[position] = inputs[used - 1];
        continue;
      }
      inputs[position] = stage.input.at(phase.in_y + static_cast<ptrdiff_t>(m * phase.in_step),
                                        phase.in_x + static_cast<ptrdiff_t>(n * phase.in_step));
      out_y[position] = phase.out_y + phase.out_step * m;
      out_x[position] = phase.out_x + phase.out_step * n;
      if (++n == size.width) n = 0, ++m;
    }
    accumulate(kernels, layer, phase, block_number, inputs, window, tile);
    finish(kernels, layer, block, plan.threshold_count, tile);
    for (unsigned position = 0; position < used; ++position) {
      const int32_t* const values = tile.values + position * kBlock;
      if (stage.next != nullptr) {
        store_hidden(block, values,
                     stage.next->at(static_cast<ptrdiff_t>(out_y[position]), static_cast<ptrdiff_t>(out_x[position])));
        continue;
      }
      int32_t* const out = head + out_y[position] * stage.output.width + out_x[position];
      for (size_t channel = 0; channel < block.count; ++channel) out[channel * plane] = values[channel];
    }
  }
}

void run_stage(const Plan& plan, Stage& stage, const Heads& heads) {
  for (size_t task; (task = stage.next_task.fetch_add(1, std::memory_order_relaxed)) < stage.tasks;) {
    for (const Phase& phase : stage.layer->phases) {
      const size_t chunks = tasks_per_block(phase, stage.output, plan.kernels->positions);
      const size_t tasks = chunks * stage.layer->blocks.size();
      if (task < tasks) {
        run_task(plan, stage, phase, task / chunks, task % chunks, heads);
        break;
      }
      task -= tasks;
    }
  }
}

}  // namespace

Size output_size(const Plan& plan, Size size) {
  for (const Layer& layer : plan.layers) {
    if (size.height == 0 || size.width == 0 || size.height > kMaxSide || size.width > kMaxSide) return {0, 0};
    size = {output_side(layer.spec, size.height, layer.spec.kernel_h),
            output_side(layer.spec, size.width, layer.spec.kernel_w)};
  }
  return size.height == 0 || size.width == 0 ? Size{0, 0} : size;
}

void run_plan(const Plan& plan, const int32_t* symbols, Size input, Size crop, unsigned threads, int32_t* indexes,
              int32_t* means) {
  std::vector<Stage> stages(plan.layers.size());
  Size size = input;
  size_t most_tasks = 1;
  for (size_t i = 0; i < stages.size(); ++i) {
    Stage& stage = stages[i];
    const bool last = i + 1 == stages.size();
    stage.layer = &plan.layers[i];
    stage.output = last ? crop
                        : Size{output_side(stage.layer->spec, size.height, stage.layer->spec.kernel_h),
                               output_side(stage.layer->spec, size.width, stage.layer->spec.kernel_w)};
    stage.input = make_image(*stage.layer, size, stage.output);
    stage.next = last ? nullptr : &stages[i + 1].input;
    for (const Phase& phase : stage.layer->phases) {
      stage.tasks += tasks_per_block(phase, stage.output, plan.kernels->positions) * stage.layer->blocks.size();
    }
    most_tasks = std::max(most_tasks, stage.tasks);
    size = stage.output;
  }
  fill_input(plan, symbols, input, stages.front().input);

  const auto workers = static_cast<unsigned>(std::min<size_t>({threads, kMaxThreads, most_tasks}));
  std::barrier layer_done(workers);
  auto work = [&] {
    for (Stage& stage : stages) {
      run_stage(plan, stage, {indexes, means});
      layer_done.arrive_and_wait();
    }
  };
  std::vector<std::jthread> helpers;
  helpers.reserve(workers);
  for (unsigned helper = 1; helper < workers; ++helper) {
    try {
      helpers.emplace_back(work);
    } catch (const std::system_error&) {  // no more threads to be had: the others do its share
      layer_done.arrive_and_drop();
    }
  }
  work();
}

}  // namespace licrt
