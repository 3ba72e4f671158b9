#include "stream.h"

#include <string.h>

enum { ALPHA = 64, ICC = 65, EXIF = 66, FIRST_ANCILLARY = 128 };
enum { MAJOR = 0, MINOR = 1, FIXED = 48, ENTRY = 6 };
static const uint8_t kMagic[8] = {0x89, 'L', 'C', 'I', '\r', '\n', 0x1a, '\n'};
static const uint64_t kMostPixels = 500000000;

const char* section_name(unsigned type) {
  switch (type) {
    case LATENT:
      return "latent";
    case HYPER_LATENT:
      return "hyper-latent";
    case ALPHA:
      return "alpha";
    case ICC:
      return "ICC profile";
    case EXIF:
      return "EXIF";
  }
  return type < FIRST_ANCILLARY ? NULL : "ancillary";
}

const struct section* stream_section(const struct stream* stream, unsigned type) {
  for (unsigned i = 0; i < stream->section_count; ++i) {
    if (stream->sections[i].type == type) return &stream->sections[i];
  }
  return NULL;
}

static bool cut_short(uint64_t have, uint64_t need, struct failure* failure) {
  return fail(failure, BAD_STREAM, "the stream is cut short: %llu bytes of %llu are there", (unsigned long long)have,
              (unsigned long long)need);
}

static bool check_section(const struct section* section, struct failure* failure) {
  const char* name = section_name(section->type);
  if (name == NULL) return fail(failure, BAD_STREAM, "a section of type %u, which cannot be left out", section->type);
  const bool coded = section->type == LATENT || section->type == HYPER_LATENT;
  const bool lanes = section->lanes == 1 || section->lanes == 2 || section->lanes == 4;
  if (coded ? !lanes : section->lanes != 0) {
    return fail(failure, BAD_STREAM, "section %s has %u lanes", name, section->lanes);
  }
  const bool metadata = section->type == ALPHA || section->type == ICC || section->type == EXIF;
  const uint32_t limit = metadata ? 16u << 20 : 1u << 30;
  if (section->size > limit) return fail(failure, BAD_FILE, "section %s is over the limit of %u bytes", name, limit);
  return true;
}

static bool check_fields(const struct stream* stream, struct failure* failure) {
  const unsigned width = stream->width, height = stream->height;
  if (width == 0 || height == 0) return fail(failure, BAD_STREAM, "a picture without pixels");
  if ((uint64_t)width * height > kMostPixels) {
    return fail(failure, BAD_FILE, "%u x %u pixels are over the limit of 500,000,000", width, height);
  }
  for (unsigned i = 0; i < stream->section_count; ++i) {
    const unsigned type = stream->sections[i].type;
    if (stream_section(stream, type) != &stream->sections[i]) {
      return fail(failure, BAD_STREAM, "two sections of type %u", type);
    }
  }
  if (stream_section(stream, LATENT) == NULL) return fail(failure, BAD_STREAM, "the stream has no latent");
  for (unsigned i = 0; i < stream->section_count; ++i) {
    if (!check_section(&stream->sections[i], failure)) return false;
  }
  return true;
}

bool stream_read_header(const uint8_t* data, size_t size, struct stream* stream, struct failure* failure) {
  const size_t seen = size < sizeof kMagic ? size : sizeof kMagic;
  if (seen != 0 && memcmp(data, kMagic, seen) != 0) {
    return fail(failure, BAD_STREAM, "not a licrt stream: it does not start with 89 4C 43 49 0D 0A 1A 0A");
  }
  if (size > 8 && data[8] != MAJOR) {
    return fail(failure, BAD_STREAM, "the stream is of version %u, expected %d", data[8], MAJOR);
  }
  if (size < FIXED) return cut_short(size, FIXED, failure);
  const size_t end = FIXED + (size_t)ENTRY * data[14];
  if (size < end + 4) return cut_short(size, end + 4, failure);
  if (load_u32(data + end) != crc32_of(data, end)) {
    return fail(failure, BAD_STREAM, "the header of the stream is damaged: its checksum is wrong");
  }

  memset(stream, 0, sizeof *stream);
  stream->major = data[8];
  stream->minor = data[9];
  stream->rate_point = data[11];
  stream->section_count = data[14];
  stream->width = load_u32(data + 16);
  stream->height = load_u32(data + 20);
  memcpy(stream->model_id, data + 24, sizeof stream->model_id);
  stream->latent_crc = load_u32(data + 40);
  stream->payload_crc = load_u32(data + 44);
  stream->size = stream->header_size = end + 4;
  for (unsigned i = 0; i < stream->section_count; ++i) {
    const uint8_t* entry = data + FIXED + (size_t)ENTRY * i;
    stream->sections[i] = (struct section){entry[0], entry[1], load_u32(entry + 2), NULL};
    stream->size += stream->sections[i].size;
  }
  if (data[15] != 0 && stream->minor <= MINOR) return fail(failure, BAD_STREAM, "the reserved byte is not 0");
  if (data[10] != 0) return fail(failure, BAD_STREAM, "the stream is of kind %u, expected an image", data[10]);
  if (load_u16(data + 12) != 1) return fail(failure, BAD_STREAM, "an image with %u frames", load_u16(data + 12));
  return check_fields(stream, failure);
}

bool stream_read(const uint8_t* data, size_t size, struct stream* stream, struct failure* failure) {
  if (!stream_read_header(data, size, stream, failure)) return false;
  if (size < stream->size) return cut_short(size, stream->size, failure);
  if (size > stream->size) {
    return fail(failure, BAD_STREAM, "%llu bytes follow the end of the stream",
                (unsigned long long)(size - stream->size));
  }
  struct reader bodies = {data + stream->header_size, size - stream->header_size};
  if (crc32_of(bodies.next, bodies.left) != stream->payload_crc) {
    return fail(failure, BAD_STREAM, "the payload of the stream is damaged: its checksum is wrong");
  }
  for (unsigned i = 0; i < stream->section_count; ++i) {
    stream->sections[i].body = take(&bodies, stream->sections[i].size);
  }
  return true;
}
