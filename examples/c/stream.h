/* The container of a stream: docs/bitstream.md, sections 1 and 2. */
#ifndef STREAM_H
#define STREAM_H

#include "bytes.h"

enum { LATENT = 1, HYPER_LATENT = 2 };
enum { MOST_SECTIONS = 255, STREAM_HEADER_BYTES = 52 + 6 * MOST_SECTIONS }; /* no header is longer */

struct section {
  uint8_t type, lanes;
  uint32_t size;
  const uint8_t* body;
};

struct stream {
  uint8_t major, minor, rate_point;
  uint32_t width, height; /* pixels, 500 million of them at most */
  uint8_t model_id[16];
  uint32_t latent_crc, payload_crc;
  unsigned section_count;
  struct section sections[MOST_SECTIONS];
  size_t header_size;
  uint64_t size; /* bytes of the whole stream */
};

/* Reads and checks the header, from as many bytes of the front of a stream as there are; bodies are NULL. */
bool stream_read_header(const uint8_t* data, size_t size, struct stream* stream, struct failure* failure);

/* Reads and checks a whole stream. Bodies point into `data`, which has to outlive them. */
bool stream_read(const uint8_t* data, size_t size, struct stream* stream, struct failure* failure);

/* The section of a type, or NULL. */
const struct section* stream_section(const struct stream* stream, unsigned type);

/* What a type is called. */
const char* section_name(unsigned type);

#endif
