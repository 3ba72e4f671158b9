/* decode MODEL STREAM...: shows what .lci streams hold, decodes their latents with licrt.h alone, and compares them
 * with the encoder's. MODEL is a file that `lic-run flatten` wrote. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latents.h"

static const char kUsage[] =
    "usage: decode [-j THREADS] [-o LATENT] [--all-kernels] [--symbols] MODEL STREAM...\n"
    "\n"
    "  -j THREADS     threads of one decoding, 1 unless told\n"
    "  -o LATENT      write the latent of the only STREAM: float32, little-endian, [channels][height][width]\n"
    "  --all-kernels  decode with every set of kernels of this machine, not with the fastest (or LICRT_CPU's)\n"
    "  --symbols      also show CRC-32 and number of symbols and of table indexes, to compare decoders\n"
    "\n"
    "Exit codes: 0 done, 2 wrong usage, 3 corrupt or foreign stream, 4 model missing or wrong, 5 no such kernels,\n"
    "6 a file cannot be read or written, or is over a limit.\n";

enum { MOST_KERNELS = 8 };

struct options {
  unsigned threads;
  const char* output;
  bool all_kernels, symbols;
  const char* model;
  char** streams; /* up to a NULL */
};

struct file {
  uint8_t* data;
  size_t size;
};

/* Reads on until there are `size` bytes, or the file ends. Takes no more memory than twice what is there. */
static bool read_on(FILE* stream, uint64_t size, struct file* file) {
  for (size_t step = 1 << 16; file->size < size; step *= 2) {
    const size_t wanted = size - file->size < step ? (size_t)(size - file->size) : step;
    uint8_t* data = realloc(file->data, file->size + wanted);
    if (data == NULL) return false;
    file->data = data;
    const size_t got = fread(data + file->size, 1, wanted, stream);
    file->size += got;
    if (got < wanted) return !ferror(stream);
  }
  return true;
}

/* Reads a file of at most 2 GiB, and of a stream no more than its header asks for, and one byte. */
static bool read_file(const char* path, bool is_stream, struct file* file, struct failure* failure) {
  const int code = is_stream ? BAD_FILE : BAD_MODEL; /* a model that cannot be read is a missing model */
  FILE* stream = fopen(path, "rb");
  if (stream == NULL) return fail(failure, code, "cannot be read: %s", strerror(errno));
  struct stream header;
  bool good = read_on(stream, is_stream ? STREAM_HEADER_BYTES : UINT64_C(1) << 31, file);
  if (!good) {
    fail(failure, code, "cannot be read: %s", strerror(errno));
  } else if (is_stream && (good = stream_read_header(file->data, file->size, &header, failure))) {
    good = read_on(stream, header.size + 1, file) || fail(failure, code, "cannot be read: %s", strerror(errno));
  }
  fclose(stream);
  return good;
}

/* Writes y_hat as the floats that a synthesis reads, exactly: |y_hat| <= 2^24. */
static bool write_latent(const char* path, const struct model* model, const int32_t* y_hat, size_t count,
                         struct failure* failure) {
  FILE* file = fopen(path, "wbx");
  if (file == NULL) return fail(failure, BAD_FILE, "cannot write %s: %s", path, strerror(errno));
  const float unit = 1.0f / (float)(1 << model->mean_fraction);
  bool good = true;
  for (size_t i = 0; good && i < count; ++i) {
    const float value = (float)y_hat[i] * unit;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16), (uint8_t)(bits >> 24)};
    good = fwrite(bytes, sizeof bytes, 1, file) == 1;
  }
  good = fclose(file) == 0 && good;
  if (good) return true;
  fail(failure, BAD_FILE, "cannot write %s: %s", path, strerror(errno));
  remove(path);
  return false;
}

static void show(const struct stream* stream) {
  printf("%-15s %u.%u\n", "version", stream->major, stream->minor);
  printf("%-15s %lu\n%-15s %lu\n", "width", (unsigned long)stream->width, "height", (unsigned long)stream->height);
  printf("%-15s %llu\n", "bytes", (unsigned long long)stream->size);
  printf("%-15s ", "model_id");
  for (size_t i = 0; i < sizeof stream->model_id; ++i) printf("%02x", stream->model_id[i]);
  printf("\n%-15s %u\n", "rate_point", stream->rate_point);
  printf("%-15s %08lx\n", "latent_crc", (unsigned long)stream->latent_crc);
  for (unsigned i = 0; i < stream->section_count; ++i) {
    const struct section* section = &stream->sections[i];
    printf("%-15s %u (%s), %lu bytes", "section", section->type, section_name(section->type),
           (unsigned long)section->size);
    if (section->lanes != 0) printf(", lanes %u", section->lanes);
    puts("");
  }
}

static void show_numbers(const char* name, const int32_t* numbers, size_t count) {
  printf("%-15s %08lx, %zu\n", name, (unsigned long)crc32_of_numbers(numbers, count), count);
}

/* The model, for each set of kernels that is wanted. */
struct models {
  struct model opened[MOST_KERNELS];
  const char* kernels[MOST_KERNELS];
  size_t count;
};

static bool open_models(const char* path, bool all_kernels, struct models* models, struct failure* failure) {
  struct file file = {NULL, 0};
  bool good = read_file(path, false, &file, failure);
  for (size_t i = 0; good && i < MOST_KERNELS && (all_kernels ? licrt_kernels(i) != NULL : i == 0); ++i) {
    const char* cpu = all_kernels ? licrt_kernels(i) : NULL;
    good = model_open(file.data, file.size, cpu, &models->opened[i], failure);
    if (!good) break;
    models->kernels[i] = all_kernels ? cpu : model_kernels(&models->opened[i]);
    models->count = i + 1;
  }
  free(file.data);
  return good;
}

static bool decode(const struct models* models, const struct stream* stream, const struct options* options,
                   struct failure* failure) {
  bool good = true;
  for (size_t i = 0; good && i < models->count; ++i) {
    const struct model* model = &models->opened[i];
    int32_t* y_hat = NULL;
    struct symbols symbols = {.count = 0};
    if (options->symbols) {
      if (!latents_decode_symbols(model, stream, options->threads, &y_hat, &symbols, failure)) return false;
      if (symbols.hyper != NULL) show_numbers("hyper_symbols", symbols.hyper, symbols.hyper_count);
      show_numbers("symbols", symbols.latent, symbols.count);
      show_numbers("indexes", symbols.indexes, symbols.count);
      symbols_free(&symbols);
    } else if (!latents_decode(model, stream, options->threads, &y_hat, failure)) {
      return false;
    }
    const struct latent_size size = latent_size(model, stream);
    const size_t count = model->latent_channels * size.height * size.width;
    printf("%-15s %08lx, %lu x %zu x %zu, kernels %s\n", "decoded", (unsigned long)crc32_of_numbers(y_hat, count),
           (unsigned long)model->latent_channels, size.height, size.width, models->kernels[i]);
    if (options->output != NULL) good = write_latent(options->output, model, y_hat, count, failure);
    free(y_hat);
  }
  return good;
}

static bool decode_file(const struct models* models, const char* path, const struct options* options,
                        struct failure* failure) {
  struct file file = {NULL, 0};
  struct stream stream;
  bool good = read_file(path, true, &file, failure) && stream_read(file.data, file.size, &stream, failure);
  if (good) {
    show(&stream);
    good = decode(models, &stream, options, failure);
  }
  free(file.data);
  return good;
}

static bool parse(char** arguments, struct options* options) {
  for (; *arguments != NULL && (*arguments)[0] == '-'; ++arguments) {
    if (strcmp(*arguments, "--all-kernels") == 0) {
      options->all_kernels = true;
    } else if (strcmp(*arguments, "--symbols") == 0) {
      options->symbols = true;
    } else if (strcmp(*arguments, "-j") == 0 && arguments[1] != NULL) {
      options->threads = (unsigned)strtoul(*++arguments, NULL, 10);
    } else if (strcmp(*arguments, "-o") == 0 && arguments[1] != NULL) {
      options->output = *++arguments;
    } else {
      return false;
    }
  }
  if (options->threads == 0 || arguments[0] == NULL || arguments[1] == NULL) return false;
  options->model = arguments[0];
  options->streams = arguments + 1;
  return options->output == NULL || (arguments[2] == NULL && !options->all_kernels);
}

int main(int count, char** arguments) {
  struct options options = {.threads = 1};
  if (count > 1 && (strcmp(arguments[1], "-h") == 0 || strcmp(arguments[1], "--help") == 0)) {
    fputs(kUsage, stdout);
    return 0;
  }
  if (count < 3 || !parse(arguments + 1, &options)) {
    fputs(kUsage, stderr);
    return BAD_USAGE;
  }
  struct failure failure = {0, ""};
  struct models models = {.count = 0};
  const char* at = options.model;
  bool good = open_models(options.model, options.all_kernels, &models, &failure);
  for (char** path = options.streams; good && *path != NULL; ++path) {
    at = *path;
    good = decode_file(&models, *path, &options, &failure);
  }
  while (models.count > 0) model_close(&models.opened[--models.count]);
  if (good && fflush(stdout) != 0) good = fail(&failure, BAD_FILE, "cannot write the standard output");
  if (!good) fprintf(stderr, "decode: %s: %s\n", at, failure.message);
  return failure.code;
}
