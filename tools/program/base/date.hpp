#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Dates and times as ISO 8601 writes them.
namespace attnpool::program {

/// A moment in seconds since 1970-01-01 00:00:00, in UTC if it was written with a zone.
struct Moment {
  std::int64_t seconds = 0;
  double fraction = 0;  ///< in [0, 1)
  bool has_zone = false;
};

/// YYYY-MM-DD, and optionally T or a blank, HH:MM, :SS, a fraction, and a zone (Z, +HH, +HHMM or +HH:MM). Nothing if the
/// text is not such a date or the day does not exist.
std::optional<Moment> parse_date(std::string_view text);

/// `seconds` after the origin, as text that parse_date() reads; fractions to the microsecond.
std::string date_text(const Moment& origin, double seconds);

}  // namespace attnpool::program
