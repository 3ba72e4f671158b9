#include "context_model.h"

#include <cstdlib>
#include <string>

namespace licrt {
namespace {

constexpr uint32_t kMagic = 0x5854434c;
constexpr uint32_t kVersion = 1;
constexpr uint32_t kMaxGroups = 64;
constexpr uint32_t kMaxMeanFraction = 8;
constexpr uint32_t kMaxMultiplier = uint32_t{1} << 30;
constexpr int64_t kMaxOffset = int64_t{1} << 40;

// All layers of context models keep the size, so that every position has its features.
void expect_same_size(const LayerSpec& layer) {
  expect(layer.kind == Kind::kConvolution && layer.stride == 1, "it is no convolution of stride 1");
  const bool centred = layer.kernel_h == layer.kernel_w && layer.kernel_h % 2 == 1;
  expect(centred && layer.padding == layer.kernel_h / 2, "it does not keep the size");
  expect(layer.accumulator_bits == 32, "accumulator_bits is not 32");
}

RatesSpec read_rates(Reader& reader, const ContextSpec& context) {
  RatesSpec rates;
  rates.multiplier = reader.array<uint32_t>(context.rate_points);
  rates.shift = reader.array<uint8_t>(context.rate_points);
  rates.offset = reader.array<int64_t>(uint64_t{context.rate_points} * context.table_count);
  for (const uint32_t multiplier : rates.multiplier) expect_in("multiplier", multiplier, 1, kMaxMultiplier);
  for (const uint8_t shift : rates.shift) expect_in("shift of rates", shift, 1, 30);
  for (const int64_t offset : rates.offset) {
    if (offset <= -kMaxOffset || offset >= kMaxOffset) throw InvalidNetwork("an offset of rates is not below 2^40");
  }
  return rates;
}

// Returns how many channel features there are.
uint32_t read_channel_network(Reader& reader, const ContextSpec& context, GroupSpec& group) {
  uint32_t channels = 0;
  const auto number = static_cast<uint32_t>(context.groups.size());
  const uint32_t source_count = expect_in("source_count", reader.word(), 0, number);
  for (uint32_t i = 0; i < source_count; ++i) {
    const uint32_t lowest = i == 0 ? 0 : group.sources.back() + 1;
    expect(lowest < number, "its sources do not ascend, or are not before it");
    group.sources.push_back(expect_in("source", reader.word(), lowest, number - 1));
    channels += context.groups[group.sources.back()].channels;
  }
  const uint32_t bytes = reader.word();
  expect(bytes % 4 == 0, "network_bytes is not a multiple of 4");
  expect((bytes == 0) == (source_count == 0), "channel features need both sources and a network");
  if (bytes == 0) return 0;
  group.channel_network = parse_network(reader.part(bytes));
  const NetworkSpec& network = *group.channel_network;
  expect(network.input_channels == channels, "the channel network does not read the channels of the sources");
  expect(network.input_bits == context.bits && network.input_shift == 0, "the channel network has another input");
  for (const int32_t offset : network.input_offset) expect(offset == 0, "the channel network has input offsets");
  expect(network.heads.index_channels == 0, "the channel network has an index head");
  expect_in("rate_points of the channel network", network.heads.rate_points, 1, 1);
  for (const LayerSpec& layer : network.layers) expect_same_size(layer);
  expect_in("output_bits of the channel features", network.layers.back().output_bits, 2, context.bits);
  return network.heads.mean_channels;
}

void expect_mask(const GroupSpec& group) {
  const LayerSpec& layer = *group.spatial;
  const unsigned kernel = layer.kernel_h;
  for (size_t i = 0; i < layer.weight.size(); ++i) {
    const auto ky = static_cast<unsigned>(i / kernel % kernel), kx = static_cast<unsigned>(i % kernel);
    if (layer.weight[i] != 0 && !live_tap(group.order, layer.padding, ky, kx)) {
      throw InvalidNetwork("a tap sees latents that are not decoded yet");
    }
  }
}

// Returns how many spatial features there are.
uint32_t read_spatial(Reader& reader, const ContextSpec& context, GroupSpec& group) {
  const uint32_t needed = group.order == Order::kWhole ? 0 : 1;
  expect_in("has_spatial", reader.word(), needed, needed);
  if (needed == 0) return 0;
  group.spatial = read_layer(reader, context.bits);
  const LayerSpec& layer = *group.spatial;
  expect_same_size(layer);
  expect(layer.kernel_h == 3 || layer.kernel_h == 5, "the kernel is neither 3 nor 5");
  expect(layer.in == group.channels, "in is not the number of channels of the group");
  expect(layer.activation == Activation::kNone, "it has an activation");
  expect_mask(group);
  prove(layer, context.bits);
  group.bias_sets = reader.word();
  expect(group.bias_sets == 0 || group.bias_sets == context.rate_points, "bias_sets is neither 0 nor rate_points");
  group.spatial_bias = reader.array<int32_t>(uint64_t{group.bias_sets} * layer.out);
  for (size_t set = 0; set < group.bias_sets; ++set) {
    prove(layer, context.bits, group.spatial_bias.data() + set * layer.out);
  }
  return layer.out;
}

void read_parameters(Reader& reader, const ContextSpec& context, uint32_t features, GroupSpec& group) {
  const uint32_t count = expect_in("layer_count", reader.word(), 1, kMaxLayers);
  group.parameters = read_layers(reader, count, features, context.bits);
  for (uint32_t number = 0; number < count; ++number) {
    const LayerSpec& layer = group.parameters[number];
    const std::string name = "parameter layer " + std::to_string(number);
    try {
      expect_same_size(layer);
    } catch (const InvalidNetwork& error) {
      throw InvalidNetwork(name + ": " + error.what());
    }
    expect(layer.kernel_h == 1, name + ": the kernel is not 1");
    expect(number + 1 == count || layer.output_bits <= context.bits, name + ": output_bits is above the model's bits");
  }
  group.heads = read_heads(reader, group.parameters.back());
  expect(group.heads.index_channels == group.channels, "index_channels is not the number of channels of the group");
  expect(group.heads.mean_channels == 0 || group.heads.mean_channels == group.channels, "some latents have no mean");
  expect(group.heads.threshold_count + 1 == context.table_count, "threshold_count + 1 is not table_count");
  expect(group.heads.rate_points == context.rate_points, "the thresholds have another number of rate points");
}

GroupSpec read_group(Reader& reader, const ContextSpec& context, uint32_t channels_left) {
  GroupSpec group{};
  group.channels = expect_in("channels", reader.word(), 1, channels_left);
  group.order = static_cast<Order>(expect_in("order", reader.word(), 0, 2));
  uint32_t features = context.feature_channels + read_channel_network(reader, context, group);
  try {
    features += read_spatial(reader, context, group);
  } catch (const InvalidNetwork& error) {
    throw InvalidNetwork(std::string("spatial layer: ") + error.what());
  }
  expect_in("number of features", features, 1, kMaxChannels);
  read_parameters(reader, context, features, group);
  return group;
}

}  // namespace

bool live_tap(Order order, unsigned reach, unsigned ky, unsigned kx) {
  if (order == Order::kCheckerboard) return (ky + kx) % 2 == 1;
  return order == Order::kWavefront && (ky < reach || (ky == reach && kx < reach));
}

ContextSpec parse_context(Reader reader) {
  expect(reader.word() == kMagic, "the blob does not begin with LCTX");
  expect_in("version", reader.word(), kVersion, kVersion);
  ContextSpec context{};
  context.latent_channels = expect_in("latent_channels", reader.word(), 1, kMaxChannels);
  context.feature_channels = expect_in("feature_channels", reader.word(), 1, kMaxChannels);
  context.bits = expect_in("bits", reader.word(), 2, 16);
  context.mean_fraction = expect_in("mean_fraction", reader.word(), 0, kMaxMeanFraction);
  context.table_count = expect_in("table_count", reader.word(), 2, kMaxThresholds + 1);
  context.rate_points = expect_in("rate_points", reader.word(), 1, kMaxRatePoints);
  const uint32_t has_rates = expect_in("has_rates", reader.word(), 0, 1);
  const uint32_t group_count = expect_in("group_count", reader.word(), 1, kMaxGroups);
  context.latent_shift = reader.array<uint8_t>(context.latent_channels);
  for (const uint8_t shift : context.latent_shift) expect_in("latent_shift", shift, 0, 15);
  if (has_rates == 1) context.rates = read_rates(reader, context);
  uint32_t channels_left = context.latent_channels;
  for (uint32_t number = 0; number < group_count; ++number) {
    try {
      context.groups.push_back(read_group(reader, context, channels_left));
      channels_left -= context.groups.back().channels;
    } catch (const InvalidNetwork& error) {
      throw InvalidNetwork("group " + std::to_string(number) + ": " + error.what());
    }
  }
  expect(channels_left == 0, "the groups have fewer channels than the latent");
  reader.expect_end("the context model");
  return context;
}

}  // namespace licrt
