// damaged ROUNDS MODEL STREAM: what examples/c makes of files that somebody changed. Whatever it is, they are refused
// with a line and an exit code, or give the encoder's latents. Prints how often each code came, for streams and models.
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "damage.h"
#include "numbers.h"
#include "refit.h"

extern "C" {
#include "latents.h"
}

namespace {

using Bytes = std::vector<uint8_t>;
using Counts = std::map<int, int>;  // of exit codes

Bytes read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT(file.good(), "%s cannot be read", path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Returns the exit code that decode.c would have. Files lie in arrays of their own size, whose ends are watched.
int decode(const Bytes& model_bytes, const Bytes& stream_bytes) {
  failure why{};
  model model;
  stream stream;
  int32_t* y_hat = nullptr;
  bool good = stream_read(stream_bytes.data(), stream_bytes.size(), &stream, &why);
  if (good) {
    good = model_open(model_bytes.data(), model_bytes.size(), nullptr, &model, &why);
    if (good) {
      good = latents_decode(&model, &stream, 2, &y_hat, &why);
      std::free(y_hat);
      model_close(&model);
    }
  }
  if (good) return 0;
  EXPECT(why.code == BAD_STREAM || why.code == BAD_MODEL || why.code == BAD_FILE, "%d: %s", why.code, why.message);
  EXPECT(*why.message != '\0' && std::strchr(why.message, '\n') == nullptr, "%s", why.message);
  return why.code;
}

void print(const char* what, const Counts& counts) {
  std::printf("%s", what);
  for (const auto& [code, count] : counts) std::printf(" %d:%d", code, count);
  std::puts("");
}

}  // namespace

int main(int count, char** arguments) {
  EXPECT(count == 4, "damaged ROUNDS MODEL STREAM");
  const Bytes model = read_file(arguments[2]), stream = read_file(arguments[3]);
  EXPECT(decode(model, stream) == 0, "the files are not whole");
  Numbers numbers(7);
  Counts streams, models;
  for (int round = std::atoi(arguments[1]); round > 0; --round) {
    Bytes damaged = damage(numbers, stream);
    if (round % 4 != 0) refit_stream(damaged);
    ++streams[decode(model, damaged)];
    damaged = damage(numbers, model);
    if (round % 4 != 0) refit_model(damaged);
    ++models[decode(damaged, stream)];
  }
  // Cut short, at every place in a header.
  for (size_t size = 0; size < stream.size(); size += size < 200 ? 1 : 1 + stream.size() / 50) {
    EXPECT(decode(model, Bytes(stream.begin(), stream.begin() + static_cast<ptrdiff_t>(size))) == BAD_STREAM, "%zu",
           size);
  }
  for (size_t size = 0; size < model.size(); size += size < 200 ? 1 : 1 + model.size() / 50) {
    Bytes part(model.begin(), model.begin() + static_cast<ptrdiff_t>(size));
    EXPECT(decode(part, stream) == BAD_MODEL, "%zu", size);
    refit_model(part);
    EXPECT(decode(part, stream) == BAD_MODEL, "%zu", size);
  }
  print("streams", streams);
  print("models", models);
}
