// Random context models as the blobs of docs/integer-net.md, section 7, and tables to code their symbols with.
#pragma once

#include <vector>

#include "blobs.h"
#include "licrt.h"

struct ContextShape {
  uint32_t latents, features, bits, mean_fraction, tables, points;
};

inline LayerShape point_layer(Numbers& numbers, uint32_t in, uint32_t out, uint32_t output_bits) {
  LayerShape layer{};
  layer.in = in;
  layer.out = out;
  layer.weight_bits = static_cast<uint32_t>(numbers.between(1, 2)) * 8;
  layer.output_bits = output_bits;
  return layer;
}

// Channel features of some groups before. Returns how many there are.
inline uint32_t put_channel_network(Blob& blob, Numbers& numbers, const ContextShape& shape,
                                    const std::vector<uint32_t>& channels) {
  std::vector<uint32_t> sources;
  uint32_t in = 0;
  for (uint32_t group = 0; group < channels.size(); ++group) {
    if (numbers.between(0, 2) == 0) continue;
    sources.push_back(group);
    in += channels[group];
  }
  blob.word(static_cast<uint32_t>(sources.size()));
  for (const uint32_t source : sources) blob.word(source);
  if (sources.empty()) {
    blob.word(0);
    return 0;
  }
  const auto layers = static_cast<uint32_t>(numbers.between(1, 2)), out = static_cast<uint32_t>(numbers.between(1, 20));
  Blob network = start_network({in, shape.bits, 0, 0, out, 0}, layers, std::vector<int64_t>(in));
  unsigned typical = 0;
  for (uint32_t number = 0; number < layers; ++number) {
    const bool last = number + 1 == layers;
    const auto hidden = static_cast<uint32_t>(numbers.between(1, 20));
    LayerShape layer = point_layer(numbers, in, last ? out : hidden, shape.bits);
    layer.kernel_h = layer.kernel_w = static_cast<uint32_t>(numbers.between(0, 2)) * 2 + 1;
    layer.padding = layer.kernel_h / 2;
    layer.activation = static_cast<uint32_t>(numbers.between(0, 2));
    typical = put_layer(network, numbers, layer, shape.bits);
    in = layer.out;
  }
  put_heads(network, numbers, 0, out, 0, 1, typical, 32);
  blob.word(static_cast<uint32_t>(network.bytes.size()));
  blob.append(network);
  return out;
}

// Returns how many spatial features there are.
inline uint32_t put_spatial(Blob& blob, Numbers& numbers, const ContextShape& shape, uint32_t channels, Mask order) {
  blob.word(order == Mask::kWhole ? 0 : 1);
  if (order == Mask::kWhole) return 0;
  const auto out = static_cast<uint32_t>(numbers.between(1, 40));
  LayerShape layer = point_layer(numbers, channels, out, shape.bits);
  layer.kernel_h = layer.kernel_w = numbers.between(0, 1) == 0 ? 3 : 5;
  layer.padding = layer.kernel_h / 2;
  const unsigned typical = put_layer(blob, numbers, layer, shape.bits, order);
  const uint32_t sets = numbers.between(0, 1) == 0 ? 0 : shape.points;
  std::vector<int64_t> bias(sets * out);
  for (int64_t& value : bias) value = numbers.signed_bits(std::min(typical, 28u));
  blob.word(sets);
  blob.array(bias, 4);
  return out;
}

inline void put_group(Blob& blob, Numbers& numbers, const ContextShape& shape, std::vector<uint32_t>& before,
                      uint32_t channels) {
  const auto order = static_cast<Mask>(numbers.between(0, 2));
  blob.words({channels, static_cast<uint32_t>(order)});
  uint32_t in = shape.features + put_channel_network(blob, numbers, shape, before);
  in += put_spatial(blob, numbers, shape, channels, order);
  const auto layers = static_cast<uint32_t>(numbers.between(1, 3));
  const uint32_t means = numbers.between(0, 3) == 0 ? 0 : channels;
  blob.word(layers);
  unsigned typical = 0;
  for (uint32_t number = 0; number < layers; ++number) {
    const bool last = number + 1 == layers;
    const auto hidden = static_cast<uint32_t>(numbers.between(1, 40));
    // Means of a few symbols' size.
    LayerShape layer = point_layer(numbers, in, last ? channels + means : hidden,
                                   last ? std::min(shape.mean_fraction + 5, 24u) : shape.bits);
    layer.activation = static_cast<uint32_t>(numbers.between(0, 2));
    typical = put_layer(blob, numbers, layer, shape.bits);
    in = layer.out;
  }
  put_heads(blob, numbers, channels, means, shape.tables - 1, shape.points, typical, 32);
  before.push_back(channels);
}

inline Blob random_context(Numbers& numbers, ContextShape& shape) {
  const auto pick = [&](int64_t low, int64_t high) { return static_cast<uint32_t>(numbers.between(low, high)); };
  const uint32_t groups = pick(1, 4);
  std::vector<uint32_t> channels(groups);
  shape = {0, pick(1, 40), pick(6, 16), pick(0, 8), pick(2, 64), pick(1, 3)};
  for (uint32_t& count : channels) shape.latents += count = pick(1, 20);
  const bool rates = numbers.between(0, 1) == 1;
  Blob blob;
  blob.words({0x5854434c, 1, shape.latents, shape.features, shape.bits, shape.mean_fraction, shape.tables, shape.points,
              rates ? 1u : 0u, groups});
  // Latents of some 32 steps fill the bits.
  std::vector<uint32_t> shift(shape.latents);
  for (uint32_t& value : shift) value = pick(0, std::max<int64_t>(int64_t{8} + shape.mean_fraction - shape.bits, 1));
  blob.array(shift, 1);
  if (rates) {
    std::vector<uint32_t> multiplier(shape.points), rate_shift(shape.points);
    std::vector<int64_t> offset(shape.points * shape.tables);
    for (uint32_t point = 0; point < shape.points; ++point) {
      rate_shift[point] = pick(8, 16);
      multiplier[point] = pick(1, 2 << (rate_shift[point] + shape.mean_fraction));  // gains of a half and more
      for (uint32_t table = 0; table < shape.tables; ++table) {
        offset[point * shape.tables + table] = numbers.signed_bits(rate_shift[point] + shape.mean_fraction - 1);
      }
    }
    blob.array(multiplier, 4);
    blob.array(rate_shift, 1);
    blob.array(offset, 8);
  }
  std::vector<uint32_t> before;
  for (const uint32_t count : channels) put_group(blob, numbers, shape, before, count);
  return blob;
}

// Tables that grow wider, of triangular frequencies; the last symbol is the escape.
struct TriangularTables {
  explicit TriangularTables(uint32_t count) : stride(2 * count + 4), cdf(count * stride) {
    for (uint32_t table = 0; table < count; ++table) {
      const int32_t centre = static_cast<int32_t>(table) + 1, symbols = 2 * centre + 1;
      const int32_t triangles = (centre + 1) * (centre + 1), free = 65535 - symbols;
      int32_t* const row = &cdf[table * stride];
      for (int32_t symbol = 0, below = 0; symbol < symbols; ++symbol) {
        below += centre + 1 - std::abs(symbol - centre);
        row[symbol + 1] = symbol + 1 + static_cast<int32_t>(int64_t{free} * below / triangles);
      }
      row[symbols + 1] = 65536;
      lengths.push_back(symbols + 2);
      offsets.push_back(-centre);
    }
  }

  licrt_tables* create() const {
    licrt_tables* tables = nullptr;
    const licrt_status made =
        licrt_tables_create(cdf.data(), lengths.size(), stride, lengths.data(), offsets.data(), &tables);
    EXPECT(made == LICRT_OK, "%s", licrt_status_message(made));
    return tables;
  }

  size_t stride;
  std::vector<int32_t> cdf, lengths, offsets;
};

inline std::vector<uint8_t> encode_symbols(const licrt_tables* tables, const std::vector<int32_t>& symbols,
                                           const std::vector<int32_t>& indexes, unsigned lanes) {
  std::vector<uint8_t> data(licrt_encode_bound(symbols.size(), lanes));
  size_t size = 0;
  const licrt_status status =
      licrt_encode(tables, symbols.data(), indexes.data(), symbols.size(), lanes, data.data(), data.size(), &size);
  EXPECT(status == LICRT_OK, "%s", licrt_status_message(status));
  data.resize(size);
  return data;
}
