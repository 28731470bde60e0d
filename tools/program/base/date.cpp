#include "base/date.hpp"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "base/number.hpp"

namespace attnpool::program {
namespace {

/// Takes parts off the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool at_end() const { return text_.empty(); }
  bool accept(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// Exactly `digits` digits, at most `largest`.
  bool number(std::size_t digits, int largest, int& value) {
    if (text_.size() < digits || text_.find_first_not_of("0123456789") < digits) return false;
    std::from_chars(text_.data(), text_.data() + digits, value);
    text_.remove_prefix(digits);
    return value <= largest;
  }
  /// The digits after a decimal mark.
  bool fraction(double& value) {
    const std::size_t digits = std::min(text_.find_first_not_of("0123456789"), text_.size());
    if (digits == 0) return false;
    value = parse_number("0." + std::string(text_.substr(0, digits))).value;
    text_.remove_prefix(digits);
    return value < 1;
  }

 private:
  std::string_view text_;
};

}  // namespace

std::optional<Moment> parse_date(std::string_view text) {
  using namespace std::chrono;
  Scanner scan(trimmed(text));
  int y = 0, m = 0, d = 0, hour = 0, minute = 0, second = 0;
  if (!scan.number(4, 9999, y) || !scan.accept('-') || !scan.number(2, 12, m) || !scan.accept('-') ||
      !scan.number(2, 31, d)) {
    return std::nullopt;
  }
  const year_month_day day{year(y), month(static_cast<unsigned>(m)), std::chrono::day(static_cast<unsigned>(d))};
  if (!day.ok()) return std::nullopt;
  Moment moment;
  if (!scan.at_end()) {
    if (!scan.accept('T') && !scan.accept('t') && !scan.accept(' ')) return std::nullopt;
    if (!scan.number(2, 23, hour) || !scan.accept(':') || !scan.number(2, 59, minute)) return std::nullopt;
    if (scan.accept(':')) {
      if (!scan.number(2, 60, second)) return std::nullopt;  // 60: a leap second
      if ((scan.accept('.') || scan.accept(',')) && !scan.fraction(moment.fraction)) return std::nullopt;
    }
  }
  int zone_hour = 0, zone_minute = 0;
  const bool behind = scan.accept('-');
  if (behind || scan.accept('+')) {
    if (!scan.number(2, 23, zone_hour)) return std::nullopt;
    const bool colon = scan.accept(':');
    if ((colon || !scan.at_end()) && !scan.number(2, 59, zone_minute)) return std::nullopt;
    moment.has_zone = true;
  } else {
    moment.has_zone = scan.accept('Z') || scan.accept('z');
  }
  if (!scan.at_end()) return std::nullopt;
  const std::int64_t zone = (behind ? -60 : 60) * (60 * zone_hour + zone_minute);
  moment.seconds =
      sys_days(day).time_since_epoch().count() * std::int64_t{86400} + 3600 * hour + 60 * minute + second - zone;
  return moment;
}

std::string date_text(const Moment& origin, double seconds) {
  using namespace std::chrono;
  const double micros = std::round((origin.fraction + seconds) * 1e6);
  if (!(std::abs(micros) < 9e18)) return to_text(seconds);
  const std::int64_t total = static_cast<std::int64_t>(micros);
  const std::int64_t part = ((total % 1'000'000) + 1'000'000) % 1'000'000;
  const std::int64_t whole = origin.seconds + (total - part) / 1'000'000;
  const sys_seconds time{std::chrono::seconds(whole)};
  const sys_days date = floor<days>(time);
  const year_month_day day(date);
  const auto of_day = (time - date).count();
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                static_cast<unsigned>(day.day()));
  std::string result = text;
  if (of_day == 0 && part == 0 && !origin.has_zone) return result;
  std::snprintf(text, sizeof text, "T%02d:%02d:%02d", static_cast<int>(of_day / 3600),
                static_cast<int>(of_day / 60 % 60), static_cast<int>(of_day % 60));
  result += text;
  if (part > 0) {
    std::snprintf(text, sizeof text, ".%06d", static_cast<int>(part));
    result += text;
    result.erase(result.find_last_not_of('0') + 1);
  }
  return origin.has_zone ? result + 'Z' : result;
}

}  // namespace attnpool::program
