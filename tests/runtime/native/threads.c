/* threads MODEL STREAM...: eight threads decode streams with one model, whose handles they share, while each opens and
 * closes models of its own. Every latent has to be the one that a single thread decodes. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latents.h"

enum { THREADS = 8, ROUNDS = 3, MOST_STREAMS = 16 };

struct file {
  uint8_t* data;
  size_t size;
};

/* What all threads share, and none changes. */
struct shared {
  struct file flat;
  struct model model;
  size_t count;
  struct stream streams[MOST_STREAMS];
  int32_t* expected[MOST_STREAMS];
  size_t sizes[MOST_STREAMS]; /* bytes of a latent */
};

struct worker {
  const struct shared* shared;
  size_t number;
  size_t equal;
  struct failure failure;
};

static void require(bool condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "threads: %s\n", what);
  exit(1);
}

static struct file read_file(const char* path) {
  FILE* stream = fopen(path, "rb");
  require(stream != NULL && fseek(stream, 0, SEEK_END) == 0, path);
  const long size = ftell(stream);
  struct file file = {malloc((size_t)size), (size_t)size};
  rewind(stream);
  require(file.data != NULL && fread(file.data, 1, file.size, stream) == file.size, path);
  fclose(stream);
  return file;
}

static bool decode_equal(struct worker* worker, const struct model* model, size_t number, unsigned threads) {
  const struct shared* shared = worker->shared;
  int32_t* y_hat = NULL;
  if (!latents_decode(model, &shared->streams[number], threads, &y_hat, &worker->failure)) return false;
  const bool equal = memcmp(y_hat, shared->expected[number], shared->sizes[number]) == 0;
  free(y_hat);
  worker->equal += equal;
  return equal || fail(&worker->failure, 1, "a latent is not the one that a single thread decodes");
}

/* All streams, each thread in an order of its own. */
static void* work(void* argument) {
  struct worker* worker = argument;
  const struct shared* shared = worker->shared;
  for (size_t round = 0; round < ROUNDS; ++round) {
    for (size_t i = 0; i < shared->count; ++i) {
      const size_t number = (i + worker->number) % shared->count;
      if (!decode_equal(worker, &shared->model, number, 1 + (unsigned)(i + round) % 3)) return NULL;
    }
    struct model own;
    if (!model_open(shared->flat.data, shared->flat.size, NULL, &own, &worker->failure)) return NULL;
    const bool good = decode_equal(worker, &own, worker->number % shared->count, 1);
    model_close(&own);
    if (!good) return NULL;
  }
  return NULL;
}

int main(int count, char** arguments) {
  require(3 <= count && count <= 2 + MOST_STREAMS, "expected MODEL and up to 16 STREAMs");
  struct shared* shared = calloc(1, sizeof *shared);
  require(shared != NULL, "out of memory");
  shared->flat = read_file(arguments[1]);
  shared->count = (size_t)count - 2;
  struct failure failure = {0, ""};
  require(model_open(shared->flat.data, shared->flat.size, NULL, &shared->model, &failure), failure.message);
  struct file files[MOST_STREAMS];
  for (size_t i = 0; i < shared->count; ++i) {
    files[i] = read_file(arguments[2 + i]);
    require(stream_read(files[i].data, files[i].size, &shared->streams[i], &failure), failure.message);
    require(latents_decode(&shared->model, &shared->streams[i], 1, &shared->expected[i], &failure), failure.message);
    const struct latent_size size = latent_size(&shared->model, &shared->streams[i]);
    shared->sizes[i] = shared->model.latent_channels * size.height * size.width * sizeof(int32_t);
  }

  pthread_t threads[THREADS];
  struct worker workers[THREADS];
  for (size_t i = 0; i < THREADS; ++i) {
    workers[i] = (struct worker){shared, i, 0, {0, ""}};
    require(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "no thread");
  }
  size_t equal = 0;
  for (size_t i = 0; i < THREADS; ++i) {
    require(pthread_join(threads[i], NULL) == 0, "no end of a thread");
    require(workers[i].failure.code == 0, workers[i].failure.message);
    equal += workers[i].equal;
  }
  require(equal == THREADS * ROUNDS * (shared->count + 1), "a decoding is missing");
  printf("%d threads, %zu streams, %zu equal latents\n", THREADS, shared->count, equal);
  for (size_t i = 0; i < shared->count; ++i) {
    free(shared->expected[i]);
    free(files[i].data);
  }
  model_close(&shared->model);
  free(shared->flat.data);
  free(shared);
  return 0;
}
