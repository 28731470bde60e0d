#pragma once
#include <cstddef>

namespace attnpool {

/// Which keys a query may see. Always one interval per query, minus at most one key: never a Q x K mask.
/// Keys outside are not read into the arithmetic of that query, so a NaN there does no harm to it.
class KeyRange {
 public:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  /// Every key.
  static constexpr KeyRange all() { return {}; }
  /// Keys 0 .. count-1 (a valid length); count may exceed the number of keys.
  static constexpr KeyRange first(std::size_t count) { return {false, 0, saturated(count), false, 0}; }
  /// Query i sees keys 0 .. i + offset.
  static constexpr KeyRange causal(std::ptrdiff_t offset = 0) {
    return {true, -unbounded, offset < unbounded ? offset + 1 : unbounded, false, 0};
  }
  /// Query i sees keys i - before .. i + after.
  static constexpr KeyRange window(std::size_t before, std::size_t after) {
    return {true, -saturated(before), saturated(after) + 1, false, 0};
  }
  /// Leave-one-out: query i sees every key but key i + offset.
  static constexpr KeyRange all_but_self(std::ptrdiff_t offset = 0) { return {false, 0, unbounded, true, offset}; }

  /// The range as seen by queries that are numbered from `offset` on: query i of the result is query i + offset of this.
  constexpr KeyRange shifted(std::ptrdiff_t offset) const {
    const std::ptrdiff_t by = follows_query_ ? offset : 0;
    return {follows_query_, begin_ + by, end_ + by, excludes_, excluded_offset_ + (excludes_ ? offset : 0)};
  }

  /// First visible key of a query.
  constexpr std::size_t begin(std::size_t query, std::size_t key_count) const {
    return clamp(begin_, query, key_count);
  }
  /// One past the last visible key; never below begin().
  constexpr std::size_t end(std::size_t query, std::size_t key_count) const {
    const std::size_t b = begin(query, key_count), e = clamp(end_, query, key_count);
    return e < b ? b : e;
  }
  /// The key inside [begin, end) that the query does not see, or `none`.
  constexpr std::size_t excluded(std::size_t query, std::size_t key_count) const {
    if (!excludes_) return none;
    const std::ptrdiff_t k = static_cast<std::ptrdiff_t>(query) + excluded_offset_;
    return k >= 0 && static_cast<std::size_t>(k) < key_count ? static_cast<std::size_t>(k) : none;
  }
  /// True if query sees key; the definition that the references use.
  constexpr bool contains(std::size_t query, std::size_t key, std::size_t key_count) const {
    return key >= begin(query, key_count) && key < end(query, key_count) && key != excluded(query, key_count);
  }
  /// True if every query sees the same interval.
  constexpr bool is_same_for_all_queries() const { return !follows_query_ && !excludes_; }
  constexpr bool excludes_self() const { return excludes_; }
  friend constexpr bool operator==(const KeyRange&, const KeyRange&) = default;

 private:
  static constexpr std::ptrdiff_t unbounded = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(-1) >> 2);

  static constexpr std::ptrdiff_t saturated(std::size_t count) {
    return count < static_cast<std::size_t>(unbounded) ? static_cast<std::ptrdiff_t>(count) : unbounded;
  }

  constexpr KeyRange() = default;
  constexpr KeyRange(bool follows, std::ptrdiff_t b, std::ptrdiff_t e, bool excludes, std::ptrdiff_t x)
      : follows_query_(follows), begin_(b), end_(e), excludes_(excludes), excluded_offset_(x) {}
  constexpr std::size_t clamp(std::ptrdiff_t offset, std::size_t query, std::size_t key_count) const {
    const std::ptrdiff_t k = offset + (follows_query_ ? static_cast<std::ptrdiff_t>(query) : 0);
    if (k <= 0) return 0;
    return static_cast<std::size_t>(k) < key_count ? static_cast<std::size_t>(k) : key_count;
  }

  bool follows_query_ = false;  // begin_ and end_ count from the query's own index
  std::ptrdiff_t begin_ = 0;
  std::ptrdiff_t end_ = unbounded;
  bool excludes_ = false;
  std::ptrdiff_t excluded_offset_ = 0;
};

}  // namespace attnpool
