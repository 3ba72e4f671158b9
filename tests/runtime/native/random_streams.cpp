// random_streams FOLDER [CPU]: writes random models and a stream of each, always the same ones, as FOLDER/0.lcm,
// FOLDER/0.lci and so on, from docs/bitstream.md; examples/c/decode.c decodes them, maybe on another machine.
#include <string>
#include <tuple>

#include "context_blobs.h"
#include "licrt.h"
#include "numbers.h"

extern "C" {
#include "bytes.h"
}

namespace {

constexpr uint32_t kStreams = 8;

// Two transposed convolutions of stride 2, as in a hyper-synthesis. Returns its means as the features of the model.
Blob hyper_synthesis(Numbers& numbers, uint32_t channels, const ContextShape& shape) {
  Blob blob = start_network({channels, 10, 3, 0, shape.features, 0}, 2, std::vector<int64_t>(channels));
  LayerShape layer{};
  layer.kind = 1;
  layer.kernel_h = layer.kernel_w = 5;
  layer.stride = 2;
  layer.padding = 2;
  layer.output_padding = 1;
  layer.in = channels;
  layer.out = 24;
  layer.weight_bits = 8;
  layer.activation = 2;
  layer.output_bits = 12;
  put_layer(blob, numbers, layer, 10);
  layer.in = layer.out;
  layer.out = shape.features;
  layer.weight_bits = 16;
  layer.output_bits = shape.bits;
  const unsigned typical = put_layer(blob, numbers, layer, 12);
  put_heads(blob, numbers, 0, shape.features, 0, 1, typical, 32);
  return blob;
}

std::vector<uint8_t> encode_symbols(const TriangularTables& rows, const std::vector<int32_t>& symbols,
                                    const std::vector<int32_t>& indexes, unsigned lanes) {
  licrt_tables* const tables = rows.create();
  std::vector<uint8_t> data = encode_symbols(tables, symbols, indexes, lanes);
  licrt_tables_destroy(tables);
  return data;
}

void append_table_arrays(Blob& file, const TriangularTables& tables) {
  file.array(tables.lengths, 4);
  file.array(tables.offsets, 4);
  for (size_t row = 0; row < tables.lengths.size(); ++row) {
    const auto begin = tables.cdf.begin() + static_cast<ptrdiff_t>(row * tables.stride);
    file.array(std::vector<int32_t>(begin, begin + tables.lengths[row]), 4);
  }
}

uint32_t numbers_of(const TriangularTables& tables) {
  uint32_t sum = 0;
  for (const int32_t length : tables.lengths) sum += static_cast<uint32_t>(length);
  return sum;
}

void append_magic(Blob& file, char letter) {
  for (const char byte : {'\x89', 'L', 'C', letter, '\r', '\n', '\x1a', '\n'}) {
    file.bytes.push_back(static_cast<uint8_t>(byte));
  }
}

void append_crc(Blob& file) { file.word(crc32_of(file.bytes.data(), file.bytes.size())); }

void write(const std::string& path, const Blob& blob) {
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  EXPECT(file != nullptr, "%s cannot be written", path.c_str());
  EXPECT(std::fwrite(blob.bytes.data(), 1, blob.bytes.size(), file) == blob.bytes.size(), "%s", path.c_str());
  EXPECT(std::fclose(file) == 0, "%s is not written", path.c_str());
}

// A latent is a quarter of the picture each way, and the hyper-latent a quarter of that.
constexpr uint32_t kStride = 4;

void write_model_and_stream(const std::string& name, Numbers& numbers, uint32_t number, const char* cpu) {
  const auto pick = [&](int64_t low, int64_t high) { return static_cast<uint32_t>(numbers.between(low, high)); };
  ContextShape shape;
  const Blob context_blob = random_context(numbers, shape);
  const uint32_t hyper_channels = pick(1, 20);
  const size_t hyper_height = pick(1, 3), hyper_width = pick(1, 5), hyper_plane = hyper_height * hyper_width;
  const size_t height = 4 * hyper_height - pick(0, 3), width = 4 * hyper_width - pick(0, 3), plane = height * width;
  const uint32_t point = pick(0, shape.points - 1);
  const unsigned hyper_lanes = 1u << pick(0, 2), lanes = 1u << pick(0, 2);
  const Blob network_blob = hyper_synthesis(numbers, hyper_channels, shape);

  std::vector<int32_t> hyper(hyper_channels * hyper_plane), channels(hyper.size());
  for (size_t i = 0; i < hyper.size(); ++i) {
    hyper[i] = static_cast<int32_t>(numbers.signed_bits(6));
    channels[i] = static_cast<int32_t>(i / hyper_plane);
  }
  std::vector<float> latent(shape.latents * plane);
  for (float& value : latent) value = static_cast<float>(numbers.signed_bits(9)) / 32;

  char reason[200];
  licrt_network* network = nullptr;
  licrt_status status =
      licrt_network_create(network_blob.bytes.data(), network_blob.bytes.size(), cpu, &network, reason, sizeof reason);
  EXPECT(status == LICRT_OK, "%s", reason);
  std::vector<int32_t> features(shape.features * plane);
  status = licrt_network_run(network, hyper.data(), hyper_height, hyper_width, height, width, 2, 0, nullptr,
                             features.data());
  EXPECT(status == LICRT_OK, "%s", licrt_status_message(status));
  licrt_network_destroy(network);

  licrt_context* context = nullptr;
  status =
      licrt_context_create(context_blob.bytes.data(), context_blob.bytes.size(), cpu, &context, reason, sizeof reason);
  EXPECT(status == LICRT_OK, "%s", reason);
  std::vector<int32_t> symbols(latent.size()), indexes(latent.size()), y_hat(latent.size());
  status = licrt_context_encode(context, features.data(), latent.data(), height, width, 2, point, symbols.data(),
                                indexes.data(), y_hat.data());
  EXPECT(status == LICRT_OK, "%s", licrt_status_message(status));
  licrt_context_destroy(context);

  const TriangularTables prior(hyper_channels), gaussian(shape.tables);
  Blob model;
  append_magic(model, 'M');
  model.words({1, number, 0, 0, 0, kStride, shape.latents, hyper_channels, 4, shape.mean_fraction, shape.points});
  model.words({numbers_of(prior), shape.tables, numbers_of(gaussian)});
  model.words({static_cast<uint32_t>(network_blob.bytes.size()), static_cast<uint32_t>(context_blob.bytes.size()), 0});
  append_table_arrays(model, prior);
  append_table_arrays(model, gaussian);
  model.append(network_blob);
  model.append(context_blob);
  append_crc(model);
  write(name + ".lcm", model);

  const std::vector<uint8_t> z = encode_symbols(prior, hyper, channels, hyper_lanes);
  const std::vector<uint8_t> y = encode_symbols(gaussian, symbols, indexes, lanes);
  Blob payload, stream;
  payload.bytes = z;
  payload.bytes.insert(payload.bytes.end(), y.begin(), y.end());
  append_magic(stream, 'I');
  stream.array(std::vector<uint32_t>{0, 1, 0, point, 1, 0, 2, 0}, 1);
  stream.words({kStride * static_cast<uint32_t>(width) - pick(0, kStride - 1)});
  stream.words({kStride * static_cast<uint32_t>(height) - pick(0, kStride - 1)});
  stream.words({number, 0, 0, 0, crc32_of_numbers(y_hat.data(), y_hat.size())});
  stream.word(crc32_of(payload.bytes.data(), payload.bytes.size()));
  for (const auto& [type, section_lanes, body] : {std::tuple{2u, hyper_lanes, &z}, std::tuple{1u, lanes, &y}}) {
    stream.bytes.push_back(static_cast<uint8_t>(type));
    stream.bytes.push_back(static_cast<uint8_t>(section_lanes));
    stream.word(static_cast<uint32_t>(body->size()));
  }
  append_crc(stream);
  stream.append(payload);
  write(name + ".lci", stream);
}

}  // namespace

int main(int count, char** arguments) {
  EXPECT(count == 2 || count == 3, "random_streams FOLDER [CPU]");
  Numbers numbers(5);
  for (uint32_t number = 0; number < kStreams; ++number) {
    const std::string name = std::string(arguments[1]) + "/" + std::to_string(number);
    write_model_and_stream(name, numbers, number, count == 3 ? arguments[2] : nullptr);
  }
}
