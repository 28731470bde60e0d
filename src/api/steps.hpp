#pragma once
// The steps that several public functions share: checking views, and carrying out a request with a prepared workspace.
#include <attnpool/gradient.hpp>
#include <attnpool/selection.hpp>

#include "plan/choose.hpp"

namespace attnpool::detail {

// The checks of pool() on its views.
template <class T>
void check_pool(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, MatrixView<T> out);

// pool() with a workspace that has been prepared for its values.
template <class T>
void pool_with(const PoolRequest<T>& request, MatrixView<T> out, Workspace<T>& workspace);

// Bounds and report of a request that the dense plan has answered for every query.
template <class T>
void report_dense(const PoolRequest<T>& request, Workspace<T>& workspace);

// Refuses options that no data could make good, for keys of so many columns.
void check_selection(const SelectionOptions& options, std::size_t dims);

// loss_gradient() of a prepared request; no gradient if request.moments is none.
template <class T>
LossAndGradient loss_gradient(const PoolRequest<T>& request, MatrixView<const T> targets, Loss loss,
                              Workspace<T>& workspace);

}  // namespace attnpool::detail
