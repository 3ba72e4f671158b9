// Between planes, [channel][place], and pixels, [place][channel].
#pragma once

#include <algorithm>
#include <cstddef>

#include "team.h"

namespace licrt {

// A cache line of a plane; as many pixels stay in the first cache.
inline constexpr size_t kPlacesPerStrip = 16;

// Calls strip(first place, end) for short runs of places, on all threads.
template <typename Strip>
void each_strip(Team& team, size_t places, const Strip& strip) {
  team.each((places + kPlacesPerStrip - 1) / kPlacesPerStrip,
            [&](size_t number) { strip(number * kPlacesPerStrip, std::min((number + 1) * kPlacesPerStrip, places)); });
}

// pixels[place * pixel + channel] = convert(planes[channel * places + place])
template <typename From, typename To, typename Convert>
void planes_to_pixels(Team& team, const From* planes, size_t channels, size_t places, To* pixels, size_t pixel,
                      const Convert& convert) {
  each_strip(team, places, [&](size_t first, size_t end) {
    for (size_t channel = 0; channel < channels; ++channel) {
      const From* const plane = planes + channel * places;
      for (size_t place = first; place < end; ++place) pixels[place * pixel + channel] = convert(plane[place]);
    }
  });
}

// planes[channel * places + place] = pixels[place * channels + channel]
template <typename Value>
void pixels_to_planes(Team& team, const Value* pixels, size_t channels, size_t places, Value* planes) {
  each_strip(team, places, [&](size_t first, size_t end) {
    for (size_t channel = 0; channel < channels; ++channel) {
      Value* const plane = planes + channel * places;
      for (size_t place = first; place < end; ++place) plane[place] = pixels[place * channels + channel];
    }
  });
}

}  // namespace licrt
