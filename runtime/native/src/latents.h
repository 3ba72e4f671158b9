// From symbols to latents and back: docs/integer-net.md, sections 5, 7 and 8.
#pragma once

#include <cstddef>
#include <cstdint>

#include "context_plan.h"
#include "rans.h"
#include "team.h"

namespace licrt {

inline constexpr int32_t kMaxSymbol = 1 << 15;

// What a rate point makes of symbols.
struct Dequantiser {
  Dequantiser(const ContextPlan& plan, uint32_t point);

  // What an encoder multiplies residuals by.
  float gain() const;

  // Turns symbols into latents, in place. REQUIRES: |symbol| <= kMaxSymbol, index < table_count, |mean| <= 2^23.
  void apply(int32_t* symbols, const int32_t* indexes, const int32_t* means, size_t count) const;

  uint32_t fraction;
  int64_t multiplier = 0;  // 0: one rate, and no offsets
  unsigned shift = 0;
  const int64_t* offset = nullptr;  // [table]
};

// Where symbols come from: a latent, in an encoder, or a payload.
class SymbolSource {
 public:
  virtual ~SymbolSource() = default;

  // A group begins.
  virtual void begin(uint32_t first_channel, uint32_t channels, Team& team) = 0;

  // The symbols of the next `count` positions, whose places in a plane are given, and of all channels of the group.
  // Indexes, means and symbols are [position][channel].
  virtual licrt_status code(const size_t* places, size_t count, const int32_t* indexes, const int32_t* means,
                            int32_t* symbols) = 0;
};

// Quantises a latent [channel][place] and notes symbols and indexes, in coding order, in arrays of as many elements.
class LatentSource final : public SymbolSource {
 public:
  LatentSource(const Dequantiser& dequantiser, const float* latent, size_t plane, int32_t* symbols, int32_t* indexes)
      : fraction_(dequantiser.fraction),
        gain_(dequantiser.gain()),
        latent_(latent),
        plane_(plane),
        symbols_(symbols),
        indexes_(indexes) {}

  void begin(uint32_t first_channel, uint32_t channels, Team& team) override;
  licrt_status code(const size_t* places, size_t count, const int32_t* indexes, const int32_t* means,
                    int32_t* symbols) override;

 private:
  uint32_t fraction_;
  float gain_;
  const float* latent_;
  size_t plane_;
  int32_t* symbols_;
  int32_t* indexes_;
  size_t channels_ = 0;
  AlignedArray<float> pixels_;  // the group's latents, [place][channel]
};

// Decodes a payload. Notes symbols and indexes as LatentSource does, unless both are null.
class PayloadSource final : public SymbolSource {
 public:
  PayloadSource(const licrt_tables& tables, Decoder& decoder, int32_t* symbols, int32_t* indexes)
      : tables_(tables), decoder_(decoder), symbols_(symbols), indexes_(indexes) {}

  void begin(uint32_t, uint32_t channels, Team&) override { channels_ = channels; }
  licrt_status code(const size_t* places, size_t count, const int32_t* indexes, const int32_t* means,
                    int32_t* symbols) override;

 private:
  const licrt_tables& tables_;
  Decoder& decoder_;
  int32_t* symbols_;
  int32_t* indexes_;
  size_t channels_ = 0;
};

}  // namespace licrt
