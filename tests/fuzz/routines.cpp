// Every ISA of this CPU against the others: the same bits within {scalar, sse2} and within {avx2, avx512}, the same errors
// on all, and between the two families no more apart than the bounds that pool() gave allow.
#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "targets.hpp"

namespace attnpool::fuzz {
namespace {

/// Takes numbers from the bytes, zeros when they are used up.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
  template <class T>
  T take() {
    T value{};
    const std::size_t n = std::min(left_, sizeof value);
    if (n > 0) std::memcpy(&value, data_, n);
    data_ += n, left_ -= n;
    return value;
  }
  std::size_t below(std::size_t count) { return take<std::uint8_t>() % count; }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

/// What one ISA made of the inputs.
template <class T>
struct Results {
  std::string error;
  std::vector<T> pooled, others;
  std::vector<double> bounds;
};

template <class T>
struct Inputs {
  std::size_t query_count, key_count, dims, cols;
  std::vector<T> queries, keys, values;
  std::vector<double> w, key_weights;
  Options options;

  Inputs(const Inputs&) = delete;  // options refer to key_weights
  explicit Inputs(Bytes& bytes)
      : query_count(1 + bytes.below(9)),
        key_count(1 + bytes.below(150)),
        dims(1 + bytes.below(20)),
        cols(1 + bytes.below(19)) {
    options.threads = 1;
    switch (bytes.below(5)) {
      case 0:
        options.range = KeyRange::first(bytes.below(160));
        break;
      case 1:
        options.range = KeyRange::causal(static_cast<std::ptrdiff_t>(bytes.below(160)) - 5);
        break;
      case 2: {
        const std::size_t before = bytes.below(40);
        options.range = KeyRange::window(before, bytes.below(40));
        break;
      }
      case 3:
        options.range = KeyRange::all_but_self(static_cast<std::ptrdiff_t>(bytes.below(160)) - 5);
        break;
      default:
        break;
    }
    for (std::size_t i = bytes.below(2) == 0 ? 1 : dims; i > 0; --i)
      w.push_back(std::ldexp(static_cast<double>(bytes.take<std::int8_t>()), static_cast<int>(bytes.below(20)) - 12));
    // Numbers of ordinary size, or any bits at all; repeated to fill the shape.
    const bool any_bits = bytes.below(4) == 0;
    std::vector<T> numbers(1 + bytes.below(250));
    for (T& x : numbers) x = any_bits ? bytes.take<T>() : static_cast<T>(bytes.take<std::int16_t>()) / 4096;
    const auto fill = [&](std::vector<T>& cells, std::size_t count, std::size_t from) {
      for (std::size_t i = 0; i < count; ++i) cells.push_back(numbers[(from + i * 7 + i / 31) % numbers.size()]);
    };
    fill(queries, query_count * dims, 0);
    fill(keys, key_count * dims, 1);
    fill(values, key_count * cols, 2);
    constexpr Algorithm algorithms[] = {Algorithm::automatic, Algorithm::dense, Algorithm::pruned, Algorithm::grid};
    options.algorithm = algorithms[bytes.below(4)];
    if (bytes.below(2) == 1)
      for (std::size_t k = 0; k < key_count; ++k)
        key_weights.push_back(static_cast<double>(bytes.take<std::uint8_t>()));
    options.key_weights = key_weights;
  }

  Results<T> run() const {
    const MatrixView<const T> q(queries.data(), query_count, dims), k(keys.data(), key_count, dims),
        v(values.data(), key_count, cols);
    Results<T> r;
    r.others.reserve(6 * values.size() + key_count +
                     query_count * (key_count + cols * (2 + dims)));  // it must not move
    const auto space = [&](std::size_t count) {
      r.others.resize(r.others.size() + count, std::numeric_limits<T>::quiet_NaN());
      return r.others.data() + r.others.size() - count;
    };
    // Functions of plain arrays take any bits; their results are compared always.
    exp<T>(values.data(), space(values.size()), values.size());
    std::vector<T> negative = values;
    for (T& x : negative) x = -std::abs(x);
    exp_nonpositive<T>(negative.data(), space(values.size()), values.size());
    softmax<T>(v, MatrixView<T>(space(values.size()), key_count, cols));
    log_sum_exp<T>(v, space(key_count));
    try {
      const Gaussian score(w);
      r.pooled.assign(query_count * cols, std::numeric_limits<T>::quiet_NaN());
      r.bounds.resize(query_count);
      Options with_bounds = options;
      with_bounds.error_bounds = r.bounds;
      pool<T>(q, k, v, score, MatrixView<T>(r.pooled.data(), query_count, cols), with_bounds);
      attention_weights<T>(q, k, score, MatrixView<T>(space(query_count * key_count), query_count, key_count), options);
      const std::size_t entries = score.w().size();
      T* out = space(query_count * cols);
      T* gradient = space(query_count * cols * entries);
      pool_gradient<T>(q, k, v, score, MatrixView<T>(out, query_count, cols),
                       MatrixView<T>(gradient, query_count, cols * entries), options);
      PoolState<T> state(q, cols, score);
      state.update(k, v, options);
      state.finish(MatrixView<T>(space(query_count * cols), query_count, cols));
    } catch (const std::invalid_argument& error) {
      r.error = error.what();
    }
    return r;
  }
};

/// The same bits, or both NaN: which NaN comes out of an operation on two is nobody's promise.
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](T x, T y) { return std::memcmp(&x, &y, sizeof x) == 0 || (std::isnan(x) && std::isnan(y)); });
}

template <class T>
void compare(const Inputs<T>& inputs, const Results<T>& a, const Results<T>& b) {
  require(a.error == b.error, "the same errors on every ISA");
  if (!a.error.empty()) return;
  double largest = 0;  // |value|; the bound is for finite inputs of ordinary size
  for (const auto* cells : {&inputs.queries, &inputs.keys, &inputs.values})
    for (const T x : *cells)
      largest = std::max(largest, std::isfinite(x) ? std::abs(static_cast<double>(x)) : HUGE_VAL);
  if (largest > 1e6) return;
  for (std::size_t i = 0; i < a.pooled.size(); ++i) {
    const double bound = (a.bounds[i / inputs.cols] + b.bounds[i / inputs.cols]) * 2 * largest +
                         4 * std::numeric_limits<T>::epsilon() * largest;
    require(std::isnan(a.pooled[i]) ? std::isnan(b.pooled[i])
                                    : std::abs(static_cast<double>(a.pooled[i] - b.pooled[i])) <= bound,
            "both families of ISAs within the bounds that they gave");
  }
}

template <class T>
void run(Bytes& bytes) {
  const Inputs<T> inputs(bytes);
  Results<T> families[2];
  bool known[2] = {};
  for (const Isa isa : supported_isas()) {
    const ScopedIsa scoped(isa);
    const bool fused = isa != Isa::scalar && isa != Isa::sse2;
    Results<T> got = inputs.run();
    if (known[fused]) {
      require(got.error == families[fused].error && same(got.pooled, families[fused].pooled) &&
                  same(got.others, families[fused].others),
              "the same bits within a family of ISAs");
    } else {
      families[fused] = std::move(got);
      known[fused] = true;
    }
  }
  if (known[1]) compare(inputs, families[0], families[1]);
}

}  // namespace

void routines(const std::uint8_t* data, std::size_t size) {
  Bytes bytes(data, size);
  bytes.below(2) == 0 ? run<float>(bytes) : run<double>(bytes);
}

}  // namespace attnpool::fuzz
