// exchange FILE [CPU]: writes streams of random models, always the same ones, for decode.c on another machine.
#include "exchange.h"

#include "context_blobs.h"
#include "licrt.h"
#include "numbers.h"

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

template <typename T>
void write(std::FILE* file, const std::vector<T>& values) {
  EXPECT(std::fwrite(values.data(), sizeof(T), values.size(), file) == values.size(), "the file is not written");
}

void write_stream(std::FILE* file, Numbers& numbers, const char* cpu) {
  ContextShape shape;
  const Blob context_blob = random_context(numbers, shape);
  stream header{};
  header.hyper_channels = static_cast<uint32_t>(numbers.between(1, 20));
  header.hyper_height = static_cast<uint32_t>(numbers.between(1, 3));
  header.hyper_width = static_cast<uint32_t>(numbers.between(1, 5));
  header.latent_channels = shape.latents;
  header.height = 4 * header.hyper_height - static_cast<uint32_t>(numbers.between(0, 3));
  header.width = 4 * header.hyper_width - static_cast<uint32_t>(numbers.between(0, 3));
  header.mean_fraction = shape.mean_fraction;
  header.point = static_cast<uint32_t>(numbers.between(0, shape.points - 1));
  header.hyper_lanes = 1u << numbers.between(0, 2);
  header.latent_lanes = 1u << numbers.between(0, 2);
  const Blob network_blob = hyper_synthesis(numbers, header.hyper_channels, shape);

  std::vector<int32_t> hyper(size_t{header.hyper_channels} * header.hyper_height * header.hyper_width);
  for (int32_t& symbol : hyper) symbol = static_cast<int32_t>(numbers.signed_bits(6));
  const size_t plane = size_t{header.height} * header.width;
  std::vector<float> latent(shape.latents * plane);
  for (float& value : latent) value = static_cast<float>(numbers.signed_bits(9)) / 32;

  char reason[200];
  licrt_network* network = nullptr;
  licrt_status status =
      licrt_network_create(network_blob.bytes.data(), network_blob.bytes.size(), cpu, &network, reason, sizeof reason);
  EXPECT(status == LICRT_OK, "%s", reason);
  std::vector<int32_t> features(shape.features * plane);
  status = licrt_network_run(network, hyper.data(), header.hyper_height, header.hyper_width, header.height,
                             header.width, 2, 0, nullptr, features.data());
  EXPECT(status == LICRT_OK, "%s", licrt_status_message(status));
  licrt_network_destroy(network);

  licrt_context* context = nullptr;
  status =
      licrt_context_create(context_blob.bytes.data(), context_blob.bytes.size(), cpu, &context, reason, sizeof reason);
  EXPECT(status == LICRT_OK, "%s", reason);
  std::vector<int32_t> symbols(latent.size()), indexes(latent.size()), y_hat(latent.size());
  status = licrt_context_encode(context, features.data(), latent.data(), header.height, header.width, 2, header.point,
                                symbols.data(), indexes.data(), y_hat.data());
  EXPECT(status == LICRT_OK, "%s", licrt_status_message(status));
  licrt_context_destroy(context);

  std::vector<int32_t> channels(hyper.size());
  for (size_t i = 0; i < hyper.size(); ++i) {
    channels[i] = static_cast<int32_t>(i / (size_t{header.hyper_height} * header.hyper_width));
  }
  const TriangularTables prior(header.hyper_channels), rows(shape.tables);
  const std::vector<uint8_t> hyper_payload = encode_symbols(prior, hyper, channels, header.hyper_lanes);
  const std::vector<uint8_t> payload = encode_symbols(rows, symbols, indexes, header.latent_lanes);

  header.prior = {header.hyper_channels, static_cast<uint32_t>(prior.stride)};
  header.latent = {shape.tables, static_cast<uint32_t>(rows.stride)};
  header.network_size = static_cast<uint32_t>(network_blob.bytes.size());
  header.context_size = static_cast<uint32_t>(context_blob.bytes.size());
  header.hyper_size = static_cast<uint32_t>(hyper_payload.size());
  header.latent_size = static_cast<uint32_t>(payload.size());
  header.crc = crc32(y_hat.data(), y_hat.size() * sizeof(int32_t));
  write(file, std::vector<stream>{header});
  for (const TriangularTables* const tables : {&prior, &rows}) {
    write(file, tables->cdf);
    write(file, tables->lengths);
    write(file, tables->offsets);
  }
  write(file, network_blob.bytes);
  write(file, context_blob.bytes);
  write(file, hyper_payload);
  write(file, payload);
}

}  // namespace

int main(int count, char** arguments) {
  EXPECT(count == 2 || count == 3, "exchange FILE [CPU]");
  std::FILE* const file = std::fopen(arguments[1], "wb");
  EXPECT(file != nullptr, "%s cannot be written", arguments[1]);
  write(file, std::vector<uint32_t>{kStreams});
  Numbers numbers(5);
  for (uint32_t i = 0; i < kStreams; ++i) write_stream(file, numbers, count == 3 ? arguments[2] : nullptr);
  EXPECT(std::fclose(file) == 0, "%s is not written", arguments[1]);
}
