/* decode FILE [THREADS]: decodes the streams of FILE (exchange.h) with licrt.h alone, as docs/bitstream.md section 4
 * says. Prints a line for each: every set of kernels, and the CRC-32 of the latent that it gives. Fails where that is
 * not the encoder's. */
#include <stdio.h>
#include <stdlib.h>

#include "exchange.h"
#include "licrt.h"

static FILE* file;
static unsigned threads = 2;

static void require(int condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "decode: %s\n", what);
  exit(1);
}

static void check(licrt_status status) { require(status == LICRT_OK, licrt_status_message(status)); }

static void* allocate(size_t size) {
  void* data = calloc(size + 1, 1);
  require(data != NULL, "out of memory");
  return data;
}

static int32_t* numbers(size_t count) { return allocate(count * sizeof(int32_t)); }

static void* read_bytes(size_t size) {
  void* data = allocate(size);
  require(fread(data, 1, size, file) == size, "the file is cut short");
  return data;
}

struct arrays {
  licrt_tables *prior, *tables; /* of the hyper-latent, or else of the latent; of the latent */
  int32_t* medians;
  int64_t* offsets;
  uint8_t *network, *context, *hyper, *latent;
};

static licrt_tables* read_tables(const struct table_shape* shape) {
  int32_t* cdf = read_bytes((size_t)shape->count * shape->stride * sizeof *cdf);
  int32_t* lengths = read_bytes(shape->count * sizeof *lengths);
  int32_t* offsets = read_bytes(shape->count * sizeof *offsets);
  licrt_tables* tables;
  check(licrt_tables_create(cdf, shape->count, shape->stride, lengths, offsets, &tables));
  free(offsets);
  free(lengths);
  free(cdf);
  return tables;
}

/* The tables of what the prior codes: each channel has its own. */
static int32_t* channel_indexes(size_t channels, size_t plane) {
  int32_t* indexes = numbers(channels * plane);
  for (size_t i = 0; i < channels * plane; ++i) indexes[i] = (int32_t)(i / plane);
  return indexes;
}

static int32_t* decode_symbols(const licrt_tables* tables, const int32_t* indexes, size_t count, unsigned lanes,
                               const uint8_t* data, size_t size) {
  int32_t* symbols = numbers(count);
  check(licrt_decode(tables, indexes, count, lanes, data, size, symbols));
  for (size_t i = 0; i < count; ++i) require(abs(symbols[i]) <= 1 << 15, "a symbol beyond 2^15");
  return symbols;
}

/* Symbols to y_hat, in place: docs/integer-net.md, sections 5 and 8. */
static void dequantise(const struct stream* s, const int64_t* offsets, const int32_t* indexes, const int32_t* means,
                       size_t count, int32_t* symbols) {
  for (size_t i = 0; i < count; ++i) {
    int32_t symbol = symbols[i];
    int64_t value = symbol * (INT64_C(1) << s->mean_fraction);
    if (s->multiplier != 0 && symbol != 0) {
      int64_t sum = (int64_t)abs(symbol) * s->multiplier + offsets[indexes[i]] + (INT64_C(1) << (s->shift - 1));
      value = sum < 0 ? 0 : sum >> s->shift;
      if (value > (1 << 23) - 1) value = (1 << 23) - 1;
      if (symbol < 0) value = -value;
    }
    symbols[i] = (int32_t)value + means[i];
  }
}

static int32_t* decode_factorised(const struct stream* s, const struct arrays* a, size_t plane) {
  size_t count = s->latent_channels * plane;
  int32_t* indexes = channel_indexes(s->latent_channels, plane);
  int32_t* means = numbers(count);
  for (size_t i = 0; i < count; ++i) means[i] = a->medians[indexes[i]];
  int32_t* y_hat = decode_symbols(a->prior, indexes, count, s->latent_lanes, a->latent, s->latent_size);
  dequantise(s, NULL, indexes, means, count, y_hat);
  free(means);
  free(indexes);
  return y_hat;
}

/* The network gives table indexes and means, or the features of a context model. */
static int32_t* decode_hyper(const struct stream* s, const struct arrays* a, size_t plane, const char* cpu) {
  char reason[200];
  licrt_network* network;
  licrt_network_info info;
  require(licrt_network_create(a->network, s->network_size, cpu, &network, reason, sizeof reason) == LICRT_OK, reason);
  check(licrt_network_describe(network, &info));

  size_t hyper_plane = (size_t)s->hyper_height * s->hyper_width, count = s->latent_channels * plane;
  int32_t* channels = channel_indexes(s->hyper_channels, hyper_plane);
  int32_t* z =
      decode_symbols(a->prior, channels, s->hyper_channels * hyper_plane, s->hyper_lanes, a->hyper, s->hyper_size);
  int32_t* indexes = numbers(info.index_channels * plane);
  int32_t* means = numbers((info.mean_channels != 0 ? info.mean_channels : s->latent_channels) * plane);
  check(licrt_network_run(network, z, s->hyper_height, s->hyper_width, s->height, s->width, threads,
                          info.rate_points > 1 ? s->point : 0, indexes, means));

  int32_t* y_hat;
  if (s->context_size == 0) {
    y_hat = decode_symbols(a->tables, indexes, count, s->latent_lanes, a->latent, s->latent_size);
    dequantise(s, a->offsets, indexes, means, count, y_hat);
  } else {
    licrt_context* context;
    y_hat = numbers(count);
    require(licrt_context_create(a->context, s->context_size, cpu, &context, reason, sizeof reason) == LICRT_OK,
            reason);
    check(licrt_context_decode(context, means, a->tables, a->latent, s->latent_size, s->latent_lanes, s->height,
                               s->width, threads, s->point, y_hat));
    licrt_context_destroy(context);
  }
  licrt_network_destroy(network);
  free(means);
  free(indexes);
  free(z);
  free(channels);
  return y_hat;
}

static void decode_next(void) {
  struct stream* s = read_bytes(sizeof *s);
  struct arrays a = {0};
  a.prior = read_tables(&s->prior);
  if (s->network_size != 0) a.tables = read_tables(&s->latent);
  if (s->network_size == 0) a.medians = read_bytes(s->latent_channels * sizeof *a.medians);
  if (s->multiplier != 0) a.offsets = read_bytes(s->latent.count * sizeof *a.offsets);
  a.network = read_bytes(s->network_size);
  a.context = read_bytes(s->context_size);
  a.hyper = read_bytes(s->hyper_size);
  a.latent = read_bytes(s->latent_size);
  for (size_t i = 0; licrt_kernels(i) != NULL; ++i) {
    size_t plane = (size_t)s->height * s->width;
    int32_t* y_hat =
        s->network_size == 0 ? decode_factorised(s, &a, plane) : decode_hyper(s, &a, plane, licrt_kernels(i));
    uint32_t crc = crc32(y_hat, s->latent_channels * plane * sizeof *y_hat);
    printf("%s%s %08lx", i == 0 ? "" : " ", licrt_kernels(i), (unsigned long)crc);
    require(crc == s->crc, "another latent than the encoder's");
    free(y_hat);
  }
  puts("");
  free(a.latent);
  free(a.hyper);
  free(a.context);
  free(a.network);
  free(a.offsets);
  free(a.medians);
  licrt_tables_destroy(a.tables);
  licrt_tables_destroy(a.prior);
  free(s);
}

int main(int count, char** arguments) {
  require(count == 2 || count == 3, "expected the name of a file, and how many threads");
  if (count == 3) threads = (unsigned)atoi(arguments[2]);
  file = fopen(arguments[1], "rb");
  require(file != NULL, "the file cannot be read");
  uint32_t* streams = read_bytes(sizeof *streams);
  for (uint32_t i = 0; i < *streams; ++i) decode_next();
  require(fgetc(file) == EOF, "bytes are left over");
  fclose(file);
  free(streams);
  return 0;
}
