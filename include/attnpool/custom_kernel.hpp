#pragma once
#include <attnpool/options.hpp>
#include <attnpool/view.hpp>
#include <vector>

namespace attnpool {

/// pool() under a kernel of the caller's own, by the dense plan:
///   out[q,:] = sum_k K(u^2) * values[k,:] / sum_k K(u^2),   u_d = w[d] * (query[d] - key[d]),  u = |u_d|
/// The kernel is called concurrently from several threads; it gives finite K >= 0 and must not throw.
/// Shapes, aliasing and special cases as pool(); a query to which no key has a weight gets NaN, or with Empty::error the call throws.
/// Of the options order must be 0, empty nan or error, algorithm dense or automatic; error_bounds and report are not for it.
/// Here as a function that makes weights of `count` squared distances in place.
template <class T>
void pool_custom(In<T> queries, In<T> keys, In<T> values, const std::vector<double>& w,
                 void (*weigh)(const void* context, T* squares, std::size_t count), const void* context,
                 MatrixView<T> out, const Options& options = {});

/// The same for weight, called as T(T squared_distance): it is inlined into a loop over some thousand distances, which the caller's
/// compiler may vectorise.
template <class T, class Weight>
void pool_custom(In<T> queries, In<T> keys, In<T> values, const std::vector<double>& w, const Weight& weight,
                 MatrixView<T> out, const Options& options = {}) {
  const auto weigh = [](const void* context, T* squares, std::size_t count) {
    const Weight& of = *static_cast<const Weight*>(context);
    for (std::size_t i = 0; i < count; ++i) squares[i] = of(squares[i]);
  };
  pool_custom<T>(queries, keys, values, w, weigh, &weight, out, options);
}

}  // namespace attnpool
