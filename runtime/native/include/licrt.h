/* licrt.h: the C interface of the licrt entropy core.
 *
 * What it does: rANS coding of integer symbols with tables of cumulative frequencies (docs/bitstream.md), integer
 * networks and context models (docs/integer-net.md). What it does not: files, JSON, pictures, float networks.
 *
 * Threads: handles are immutable once created; any number of threads may use one handle at the same time.
 *
 * Errors: every function returns a licrt_status; nothing throws or aborts across this interface, whatever the bytes
 * are.
 *
 * Memory: the caller owns every buffer; a handle copies what it needs and lives until its _destroy.
 */
#ifndef LICRT_H
#define LICRT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define LICRT_API
#else
#define LICRT_API __attribute__((visibility("default")))
#endif

typedef enum licrt_status {
  LICRT_OK = 0,
  LICRT_INVALID_ARGUMENT = 1, /* a null pointer, a size of the wrong kind, an index without a table */
  LICRT_INVALID_TABLE = 2,    /* tables of cumulative frequencies that break a rule of licrt_tables_create */
  LICRT_CORRUPT = 3,          /* the bytes are not what an encoder with these tables writes */
  LICRT_INVALID_NETWORK = 4,  /* a network blob that breaks a rule of docs/integer-net.md, the proof included */
  LICRT_SYMBOL_RANGE = 5,     /* a symbol whose escape would need more than 7 nibbles (raw value >= 2^28) */
  LICRT_BUFFER_TOO_SMALL = 6,
  LICRT_OUT_OF_MEMORY = 7,
  LICRT_UNSUPPORTED_CPU = 8 /* the instruction set asked for is unknown or not on this machine */
} licrt_status;

/* One line of English for a status; never NULL. */
LICRT_API const char* licrt_status_message(licrt_status status);

/* Frequency tables, precision 16. Row r of `cdf` (row_stride int32 each) holds lengths[r] values: cdf[0] = 0, strictly
 * increasing, cdf[lengths[r]-1] = 65536; the last symbol (lengths[r]-2) is the escape. 3 <= lengths[r] <= row_stride.
 * A coded value v of table r is symbol v - offsets[r]; values outside 0 <= v - offsets[r] < lengths[r]-2 use the
 * escape. Offsets lie in -2^30...2^30, and there are at most 65536 tables. */
typedef struct licrt_tables licrt_tables;
LICRT_API licrt_status licrt_tables_create(const int32_t* cdf, size_t table_count, size_t row_stride,
                                           const int32_t* lengths, const int32_t* offsets, licrt_tables** out);
LICRT_API void licrt_tables_destroy(licrt_tables* tables);

/* Bytes that always suffice for licrt_encode of `count` symbols. */
LICRT_API size_t licrt_encode_bound(size_t count, unsigned lanes);

/* Encodes symbols[i] with table indexes[i], i < count, lanes 1, 2 or 4 (lane of symbol i: i mod lanes).
 * Writes the payload to the front of `data` and its length to *size. `capacity` is at least licrt_encode_bound(count,
 * lanes), else LICRT_BUFFER_TOO_SMALL; the rest of `data` is scratch space. */
LICRT_API licrt_status licrt_encode(const licrt_tables* tables, const int32_t* symbols, const int32_t* indexes,
                                    size_t count, unsigned lanes, uint8_t* data, size_t capacity, size_t* size);

/* Decodes `count` symbols. Succeeds only if every byte is consumed and every lane ends in its initial state. */
LICRT_API licrt_status licrt_decode(const licrt_tables* tables, const int32_t* indexes, size_t count, unsigned lanes,
                                    const uint8_t* data, size_t size, int32_t* symbols);

/* Name of the kernels number `index` that this machine can run, slowest first; NULL past the last. */
LICRT_API const char* licrt_kernels(size_t index);

/* Integer network from a blob (docs/integer-net.md, section 6). `cpu` picks the kernels: "scalar", "avx2",
 * "avx512vnni", "neon", "neondot", or NULL for the value of the environment variable LICRT_CPU if set, else the fastest
 * that this machine has. All give the same numbers. Where `reason` is not NULL, a failure writes one NUL-terminated
 * line there ("layer 2: channel 7 can overflow"), cut to reason_size bytes. */
typedef struct licrt_network licrt_network;
typedef struct licrt_network_info {
  uint32_t input_channels;
  uint32_t index_channels;
  uint32_t mean_channels;
  uint32_t threshold_count;
  uint32_t rate_points;
  const char* cpu; /* kernels in use; lives as long as the network */
} licrt_network_info;
LICRT_API licrt_status licrt_network_create(const uint8_t* blob, size_t size, const char* cpu, licrt_network** out,
                                            char* reason, size_t reason_size);
LICRT_API void licrt_network_destroy(licrt_network* network);
LICRT_API licrt_status licrt_network_describe(const licrt_network* network, licrt_network_info* info);

/* Size of the network's output for an input of height x width. */
LICRT_API licrt_status licrt_network_output_size(const licrt_network* network, size_t height, size_t width,
                                                 size_t* output_height, size_t* output_width);

/* Runs the network on symbols[input_channels][height][width]. Writes indexes[index_channels][crop_height][crop_width]
 * and means[mean_channels][crop_height][crop_width] (either may be NULL where its channel count is 0), cropped at the
 * right and bottom. threads >= 1; the result does not depend on it. `point` < rate_points picks the thresholds. */
LICRT_API licrt_status licrt_network_run(const licrt_network* network, const int32_t* symbols, size_t height,
                                         size_t width, size_t crop_height, size_t crop_width, unsigned threads,
                                         uint32_t point, int32_t* indexes, int32_t* means);

/* Context model from a blob (docs/integer-net.md, section 7): predicts each latent from features, which a network
 * without index head gives as its means, and from the latents before it. `cpu` and `reason` are as for
 * licrt_network_create ("group 1: spatial layer: channel 7 can overflow"). */
typedef struct licrt_context licrt_context;
typedef struct licrt_context_info {
  uint32_t latent_channels;
  uint32_t feature_channels;
  uint32_t table_count;
  uint32_t rate_points;
  const char* cpu; /* kernels in use; lives as long as the context model */
} licrt_context_info;
LICRT_API licrt_status licrt_context_create(const uint8_t* blob, size_t size, const char* cpu, licrt_context** out,
                                            char* reason, size_t reason_size);
LICRT_API void licrt_context_destroy(licrt_context* context);
LICRT_API licrt_status licrt_context_describe(const licrt_context* context, licrt_context_info* info);

/* Both of the following read features[feature_channels][height][width] (of any value; they are saturated) and write
 * y_hat[latent_channels][height][width], the latent in fixed point. Sides are 1...2^20, threads >= 1, and `point` <
 * rate_points; y_hat does not depend on threads, nor on the machine. After a failure what was written means nothing.
 *
 * Each call starts threads - 1 threads at most, which end with it and wait actively in between. */

/* Quantises latent[latent_channels][height][width] as it is predicted. Writes symbols and indexes in coding order,
 * latent_channels * height * width each, to be coded with licrt_encode. LICRT_INVALID_ARGUMENT where a latent is not
 * finite. Symbols are within +-2^15. */
LICRT_API licrt_status licrt_context_encode(const licrt_context* context, const int32_t* features, const float* latent,
                                            size_t height, size_t width, unsigned threads, uint32_t point,
                                            int32_t* symbols, int32_t* indexes, int32_t* y_hat);

/* Decodes what licrt_encode wrote of these symbols and indexes. `tables` are at least table_count.
 * LICRT_CORRUPT: the payload is none of this model and these features, or holds a symbol beyond +-2^15. */
LICRT_API licrt_status licrt_context_decode(const licrt_context* context, const int32_t* features,
                                            const licrt_tables* tables, const uint8_t* data, size_t size,
                                            unsigned lanes, size_t height, size_t width, unsigned threads,
                                            uint32_t point, int32_t* y_hat);

#ifdef __cplusplus
}
#endif

#endif
