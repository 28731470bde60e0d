#pragma once
#include <attnpool/gradient.hpp>
#include <attnpool/kernel.hpp>
#include <attnpool/options.hpp>
#include <attnpool/view.hpp>

/// The textbook functions: one thread, double (long double where stated) inside, two passes, no cleverness and no code
/// shared with the routines. They are the yardstick of the tests and the scalar baseline of the benchmarks. Same shapes,
/// same special cases, same names; options.range and options.key_weights count, and any other option that is set throws
/// std::invalid_argument.
namespace attnpool::reference {

template <class T>
void exp(const std::type_identity_t<T>* x, T* out, std::size_t count);
template <class T>
void softmax(In<T> scores, MatrixView<T> out);
template <class T>
void log_sum_exp(In<T> scores, T* out);
template <class T>
void average_pool(In<T> values, MatrixView<T> out);
template <class T>
void pool(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, MatrixView<T> out,
          const Options& options = {});
template <class T>
void attention_weights(In<T> queries, In<T> keys, const Kernel& kernel, MatrixView<T> weights,
                       const Options& options = {});
template <class T>
void pool_gradient(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, MatrixView<T> out,
                   MatrixView<T> gradient, const Options& options = {});
template <class T>
LossAndGradient loss_gradient(MatrixView<const T> queries, MatrixView<const T> keys, MatrixView<const T> values,
                              MatrixView<const T> targets, const Kernel& kernel, Loss loss,
                              const Options& options = {});

}  // namespace attnpool::reference
