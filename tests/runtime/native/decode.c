/* decode FILE: decodes what exchange.cpp wrote, with licrt.h alone and every set of kernels, and compares checksums. */
#include <stdio.h>
#include <stdlib.h>

#include "exchange.h"
#include "licrt.h"

static FILE* file;

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

static void* read_bytes(size_t size) {
  void* data = allocate(size);
  require(fread(data, 1, size, file) == size, "the file is cut short");
  return data;
}

struct arrays {
  int32_t *cdf, *lengths, *offsets;
  uint8_t *network, *context, *hyper, *latent;
};

static uint32_t decode(const struct stream* s, const struct arrays* a, const char* cpu) {
  char reason[200];
  licrt_tables* tables;
  licrt_network* network;
  licrt_context* context;
  check(licrt_tables_create(a->cdf, s->tables, s->stride, a->lengths, a->offsets, &tables));
  require(licrt_network_create(a->network, s->network_size, cpu, &network, reason, sizeof reason) == LICRT_OK, reason);
  require(licrt_context_create(a->context, s->context_size, cpu, &context, reason, sizeof reason) == LICRT_OK, reason);

  size_t count = (size_t)s->hyper_channels * s->hyper_height * s->hyper_width;
  int32_t* indexes = allocate(count * sizeof *indexes);
  int32_t* symbols = allocate(count * sizeof *symbols);
  check(licrt_decode(tables, indexes, count, s->lanes, a->hyper, s->hyper_size, symbols));

  size_t plane = (size_t)s->height * s->width;
  int32_t* features = allocate(s->feature_channels * plane * sizeof *features);
  check(
      licrt_network_run(network, symbols, s->hyper_height, s->hyper_width, s->height, s->width, 1, 0, NULL, features));

  int32_t* y_hat = allocate(s->latent_channels * plane * sizeof *y_hat);
  check(licrt_context_decode(context, features, tables, a->latent, s->latent_size, s->lanes, s->height, s->width, 2,
                             s->point, y_hat));
  uint32_t crc = crc32(y_hat, s->latent_channels * plane * sizeof *y_hat);

  licrt_context_destroy(context);
  licrt_network_destroy(network);
  licrt_tables_destroy(tables);
  free(y_hat);
  free(features);
  free(symbols);
  free(indexes);
  return crc;
}

static void decode_next(void) {
  struct stream* s = read_bytes(sizeof *s);
  struct arrays a;
  a.cdf = read_bytes((size_t)s->tables * s->stride * sizeof *a.cdf);
  a.lengths = read_bytes(s->tables * sizeof *a.lengths);
  a.offsets = read_bytes(s->tables * sizeof *a.offsets);
  a.network = read_bytes(s->network_size);
  a.context = read_bytes(s->context_size);
  a.hyper = read_bytes(s->hyper_size);
  a.latent = read_bytes(s->latent_size);
  for (size_t i = 0; licrt_kernels(i) != NULL; ++i) {
    require(decode(s, &a, licrt_kernels(i)) == s->crc, "another latent than the encoder's");
  }
  free(a.latent);
  free(a.hyper);
  free(a.context);
  free(a.network);
  free(a.offsets);
  free(a.lengths);
  free(a.cdf);
  free(s);
}

int main(int count, char** arguments) {
  require(count == 2, "expected the name of a file");
  file = fopen(arguments[1], "rb");
  require(file != NULL, "the file cannot be read");
  uint32_t* streams = read_bytes(sizeof *streams);
  for (uint32_t i = 0; i < *streams; ++i) decode_next();
  require(fgetc(file) == EOF, "bytes are left over");
  fclose(file);
  for (size_t i = 0; licrt_kernels(i) != NULL; ++i) printf("%s ", licrt_kernels(i));
  printf("%u streams ok\n", (unsigned)*streams);
  free(streams);
  return 0;
}
