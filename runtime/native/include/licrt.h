/* licrt.h: the C interface of the licrt entropy core.
 *
 * What it does: rANS coding of integer symbols with tables of cumulative frequencies (docs/bitstream.md), integer
 * networks and context models (docs/integer-net.md). What it does not: files, JSON, pictures, float networks.
 * docs/c-interface.md says how to link with it; examples/c decodes streams with it.
 *
 *     const int32_t cdf[5] = {0, 1, 65534, 65535, 65536}, length = 5, offset = -1, indexes[2] = {0, 0};
 *     const uint8_t data[8] = {0x0e, 0, 3, 0x80, 0, 0, 0, 0};
 *     int32_t symbols[2];
 *     licrt_tables* tables = NULL;
 *     licrt_status status = licrt_tables_create(cdf, 1, 5, &length, &offset, &tables);
 *     if (status == LICRT_OK) status = licrt_decode(tables, indexes, 2, 1, data, sizeof data, symbols);
 *     licrt_tables_destroy(tables);
 *     printf("%s: %d %d\n", licrt_status_message(status), symbols[0], symbols[1]);    // success: 0 0
 *
 * Handles (licrt_tables, licrt_network, licrt_context) are made by _create, which copies what it needs of its
 * arguments, and live until _destroy, which takes NULL as well. They never change in between, and know nothing of one
 * another.
 *
 * Threads: any number of threads may use one handle at the same time, in calls of any kind, and create others. A handle
 * is destroyed once, by any thread, when no call uses it any more. Calls with an argument `threads` start threads of
 * their own, threads - 1 at most and never more than 255, which end before the call returns; if the system has fewer
 * to give, the call does with fewer. They inherit the caller's signal mask. What a call writes does not depend on their
 * number. Nothing is global but one environment variable, LICRT_CPU, which _create reads: do not change the environment
 * meanwhile.
 *
 * Buffers belong to the caller, who keeps them alive and unchanged during a call; nothing points to them afterwards.
 * Those that a call writes must not overlap others. They are aligned as their type asks for, bytes not at all. A
 * pointer to an array of no elements may be NULL.
 *
 * Errors: every function that can fail returns a licrt_status, and nothing throws, aborts or prints, whatever the
 * bytes are. Each function says below what it can return beside LICRT_OK and, for a null pointer or a number outside of
 * what is allowed, LICRT_INVALID_ARGUMENT. After a failure *out, *size, *info, *output_height and *output_width are
 * what they were before; arrays may have been written to, and their contents mean nothing.
 *
 * C++ calls the same functions; std::unique_ptr with a deleter that calls _destroy owns a handle.
 *
 * Versions: within 0.x, a minor version (0.1 to 0.2) may change this interface, a patch may not. The number in the name
 * of the shared library, liblicrt.so.0, changes when programs that are compiled already would break.
 */
#ifndef LICRT_H
#define LICRT_H

#include <stddef.h>
#include <stdint.h>

#define LICRT_VERSION_MAJOR 0
#define LICRT_VERSION_MINOR 1
#define LICRT_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define LICRT_API
#else
#define LICRT_API __attribute__((visibility("default")))
#endif

/* Later versions may add some: take what is not LICRT_OK for a failure. */
typedef enum licrt_status {
  LICRT_OK = 0,
  LICRT_INVALID_ARGUMENT = 1, /* a null pointer, a size of the wrong kind, an index without a table */
  LICRT_INVALID_TABLE = 2,    /* tables of cumulative frequencies that break a rule of licrt_tables_create */
  LICRT_CORRUPT = 3,          /* the bytes are not what an encoder with these tables writes */
  LICRT_INVALID_NETWORK = 4,  /* a network blob that breaks a rule of docs/integer-net.md, the proof included */
  LICRT_SYMBOL_RANGE = 5,     /* a symbol whose escape would need more than 7 nibbles (raw value >= 2^28) */
  LICRT_BUFFER_TOO_SMALL = 6, /* less than licrt_encode_bound */
  LICRT_OUT_OF_MEMORY = 7,
  LICRT_UNSUPPORTED_CPU = 8 /* the instruction set asked for is unknown or not on this machine */
} licrt_status;

/* The version of the library, "0.1.0"; that of this header is in the macros above. */
LICRT_API const char* licrt_version(void);

/* One line of English for a status, whatever its value; never NULL. */
LICRT_API const char* licrt_status_message(licrt_status status);

/* Frequency tables, precision 16. Row r of `cdf` (row_stride int32 each) holds lengths[r] values: cdf[0] = 0, strictly
 * increasing, cdf[lengths[r]-1] = 65536; the last symbol (lengths[r]-2) is the escape. 3 <= lengths[r] <= row_stride.
 * A coded value v of table r is symbol v - offsets[r]; values outside 0 <= v - offsets[r] < lengths[r]-2 use the
 * escape. Offsets lie in -2^30...2^30, and there are 1 to 65536 tables. What is in a row behind its values is not read.
 * Also LICRT_INVALID_TABLE, LICRT_OUT_OF_MEMORY. */
typedef struct licrt_tables licrt_tables;
LICRT_API licrt_status licrt_tables_create(const int32_t* cdf, size_t table_count, size_t row_stride,
                                           const int32_t* lengths, const int32_t* offsets, licrt_tables** out);
LICRT_API void licrt_tables_destroy(licrt_tables* tables);

/* Bytes that always suffice for licrt_encode of `count` symbols; SIZE_MAX where no buffer would. */
LICRT_API size_t licrt_encode_bound(size_t count, unsigned lanes);

/* Encodes symbols[i] with table indexes[i], i < count, lanes 1, 2 or 4 (lane of symbol i: i mod lanes).
 * Writes the payload to the front of `data` and its length to *size. `capacity` is at least licrt_encode_bound(count,
 * lanes); all of it is scratch space. Allocates nothing. Also LICRT_BUFFER_TOO_SMALL, LICRT_SYMBOL_RANGE. */
LICRT_API licrt_status licrt_encode(const licrt_tables* tables, const int32_t* symbols, const int32_t* indexes,
                                    size_t count, unsigned lanes, uint8_t* data, size_t capacity, size_t* size);

/* Decodes `count` symbols. Succeeds only if every byte is consumed and every lane ends in its initial state. Damage may
 * still go unnoticed and give other symbols: carry a checksum. Allocates nothing. Also LICRT_CORRUPT. */
LICRT_API licrt_status licrt_decode(const licrt_tables* tables, const int32_t* indexes, size_t count, unsigned lanes,
                                    const uint8_t* data, size_t size, int32_t* symbols);

/* Name of the kernels number `index` that this machine can run, slowest first; NULL past the last. Names of kernels
 * live as long as the library. */
LICRT_API const char* licrt_kernels(size_t index);

/* Integer network from a blob (docs/integer-net.md, section 6). `cpu` picks the kernels: "scalar", "avx2",
 * "avx512vnni", "neon", "neondot", or NULL for the value of the environment variable LICRT_CPU if set, else the fastest
 * that this machine has. All give the same numbers. Where `reason` is not NULL and reason_size not 0, one
 * NUL-terminated line is written there, cut to reason_size bytes: what is wrong ("layer 2: channel 7 can overflow")
 * with LICRT_INVALID_NETWORK and LICRT_UNSUPPORTED_CPU, and an empty one otherwise. Also LICRT_OUT_OF_MEMORY. */
typedef struct licrt_network licrt_network;
typedef struct licrt_network_info {
  uint32_t input_channels;
  uint32_t index_channels;
  uint32_t mean_channels;
  uint32_t threshold_count;
  uint32_t rate_points;
  const char* cpu; /* kernels in use */
} licrt_network_info;
LICRT_API licrt_status licrt_network_create(const uint8_t* blob, size_t size, const char* cpu, licrt_network** out,
                                            char* reason, size_t reason_size);
LICRT_API void licrt_network_destroy(licrt_network* network);
LICRT_API licrt_status licrt_network_describe(const licrt_network* network, licrt_network_info* info);

/* Size of the network's output for an input of height x width. LICRT_INVALID_ARGUMENT where a layer would have no
 * output, a side beyond 2^20, or many more positions than input and output have (docs/integer-net.md, section 6). */
LICRT_API licrt_status licrt_network_output_size(const licrt_network* network, size_t height, size_t width,
                                                 size_t* output_height, size_t* output_width);

/* Runs the network on symbols[input_channels][height][width]. Writes indexes[index_channels][crop_height][crop_width]
 * and means[mean_channels][crop_height][crop_width], cropped at the right and bottom: a crop is at least 1 and at most
 * licrt_network_output_size. threads >= 1; `point` < rate_points picks the thresholds. Also LICRT_OUT_OF_MEMORY. */
LICRT_API licrt_status licrt_network_run(const licrt_network* network, const int32_t* symbols, size_t height,
                                         size_t width, size_t crop_height, size_t crop_width, unsigned threads,
                                         uint32_t point, int32_t* indexes, int32_t* means);

/* Context model from a blob (docs/integer-net.md, section 7): predicts each latent from features, which a network
 * without index head gives as its means, and from the latents before it. `cpu`, `reason` and statuses are as for
 * licrt_network_create ("group 1: spatial layer: channel 7 can overflow"). */
typedef struct licrt_context licrt_context;
typedef struct licrt_context_info {
  uint32_t latent_channels;
  uint32_t feature_channels;
  uint32_t table_count;
  uint32_t rate_points;
  const char* cpu; /* kernels in use */
} licrt_context_info;
LICRT_API licrt_status licrt_context_create(const uint8_t* blob, size_t size, const char* cpu, licrt_context** out,
                                            char* reason, size_t reason_size);
LICRT_API void licrt_context_destroy(licrt_context* context);
LICRT_API licrt_status licrt_context_describe(const licrt_context* context, licrt_context_info* info);

/* All of the following read features[feature_channels][height][width] (of any value; they are saturated) and write
 * y_hat[latent_channels][height][width], the latent in fixed point. Sides are 1...2^20, threads >= 1, and `point` <
 * rate_points; y_hat does not depend on the machine. Their threads wait actively, if not for long. Both can return
 * LICRT_OUT_OF_MEMORY. */

/* Quantises latent[latent_channels][height][width] as it is predicted. Writes symbols and indexes in coding order,
 * latent_channels * height * width each, to be coded with licrt_encode. LICRT_INVALID_ARGUMENT where a latent is not
 * finite. Symbols are within +-2^15. The only function that computes with floats: it wants them rounded to nearest,
 * which is how C programs start. */
LICRT_API licrt_status licrt_context_encode(const licrt_context* context, const int32_t* features, const float* latent,
                                            size_t height, size_t width, unsigned threads, uint32_t point,
                                            int32_t* symbols, int32_t* indexes, int32_t* y_hat);

/* Decodes what licrt_encode wrote of these symbols and indexes. `tables` are at least table_count.
 * Also LICRT_CORRUPT: the payload is none of this model and these features, or holds a symbol beyond +-2^15. */
LICRT_API licrt_status licrt_context_decode(const licrt_context* context, const int32_t* features,
                                            const licrt_tables* tables, const uint8_t* data, size_t size,
                                            unsigned lanes, size_t height, size_t width, unsigned threads,
                                            uint32_t point, int32_t* y_hat);

/* The same, for comparing decoders: also writes the symbols and their indexes in coding order, as licrt_context_encode
 * does. */
LICRT_API licrt_status licrt_context_decode_symbols(const licrt_context* context, const int32_t* features,
                                                    const licrt_tables* tables, const uint8_t* data, size_t size,
                                                    unsigned lanes, size_t height, size_t width, unsigned threads,
                                                    uint32_t point, int32_t* symbols, int32_t* indexes, int32_t* y_hat);

#ifdef __cplusplus
}
#endif

#endif
