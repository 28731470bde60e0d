// Sums of robust local lines (src/lowess/): lanes are queries, each with a reach of its own. With s = (key - query) / reach the
// tricube weight is u^3, u = 1 - |s|^3, and 0 beyond the reach; sums are of r u^3, r u^3 s, r u^3 s^2, r y u^3, r y u^3 s.
template <int R>
inline void lowess_group(const LowessTask& task, std::size_t lane) {
  constexpr std::size_t N = Lanes<double>::size;
  const Lanes<double> zero(0.0), one(1.0);
  Lanes<double> query[R], unit[R], sums[lowess_sums][R];
  for (int r = 0; r < R; ++r) {
    query[r] = load_lanes(task.queries + lane + r * N);
    unit[r] = load_lanes(task.units + lane + r * N);
    for (auto& sum : sums) sum[r] = zero;
  }
  for (std::size_t k = 0; k < task.key_count; ++k) {
    const Lanes<double> key(task.keys[k]), a(task.weights[k]), b(task.values[k]);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Lanes<double> s = (key - query[r]) * unit[r];
      const Lanes<double> u = max(fnma(s * s, max(s, zero - s), one), zero);
      const Lanes<double> w = u * u * u, ws = w * s;
      sums[0][r] = fma(w, a, sums[0][r]);
      sums[1][r] = fma(ws, a, sums[1][r]);
      sums[2][r] = fma(ws * s, a, sums[2][r]);
      sums[3][r] = fma(w, b, sums[3][r]);
      sums[4][r] = fma(ws, b, sums[4][r]);
    }
  }
  for (std::size_t i = 0; i < lowess_sums; ++i)
    for (int r = 0; r < R; ++r) {
      double* sum = task.sums + i * lowess_lanes + lane + r * N;
      store_lanes(sum, load_lanes(sum) + sums[i][r]);
    }
}

// The weight of a key at z of a block, all of which is on one side of the query and within its reach, is a polynomial in z: with
// t = alpha + beta z the distance in reaches, (1 - t^3)^3. Its ten coefficients:
inline void tricube_coefficients(Lanes<double> alpha, Lanes<double> beta, Lanes<double> (&w)[10]) {
  const Lanes<double> zero(0.0), three(3.0), alpha2 = alpha * alpha, beta2 = beta * beta;
  const Lanes<double> u[4] = {fnma(alpha2, alpha, Lanes<double>(1.0)), zero - three * (alpha2 * beta),
                              zero - three * (alpha * beta2), zero - beta2 * beta};
  Lanes<double> square[7];
  for (auto& x : square) x = zero;
  for (auto& x : w) x = zero;
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) square[i + j] = fma(u[i], u[j], square[i + j]);
#pragma GCC unroll 7
  for (int i = 0; i < 7; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) w[i + j] = fma(square[i], u[j], w[i + j]);
}

inline void lowess_block_lanes(const LowessBlockTask& task, std::size_t lane) {
  const Lanes<double> side(task.side), zero(0.0), unit = load_lanes(task.units + lane) * side;
  const Lanes<double> alpha = (Lanes<double>(task.centre) - load_lanes(task.queries + lane)) * unit;
  const Lanes<double> beta = Lanes<double>(task.half) * unit;
  Lanes<double> w[10], a[3] = {zero, zero, zero}, b[2] = {zero, zero};
  tricube_coefficients(alpha, beta, w);
#pragma GCC unroll 10
  for (int p = 0; p < 10; ++p) {
    for (int i = 0; i < 3; ++i) a[i] = fma(w[p], Lanes<double>(task.moments[p + i]), a[i]);
    for (int i = 0; i < 2; ++i) b[i] = fma(w[p], Lanes<double>(task.value_moments[p + i]), b[i]);
  }
  const Lanes<double> first = fma(alpha, a[0], beta * a[1]), mixed = fma(alpha, a[1], beta * a[2]);
  const Lanes<double> total[lowess_sums] = {a[0], side * first, fma(alpha, first, beta * mixed), b[0],
                                            side * fma(alpha, b[0], beta * b[1])};
  for (std::size_t i = 0; i < lowess_sums; ++i) {
    double* sum = task.sums + i * lowess_lanes + lane;
    store_lanes(sum, load_lanes(sum) + total[i]);
  }
}

inline void lowess_pairs(const LowessTask& task) noexcept {
  constexpr std::size_t step = ladder_registers * Lanes<double>::size;
  for (std::size_t lane = 0; lane < lowess_lanes; lane += step) lowess_group<ladder_registers>(task, lane);
}

inline void lowess_block(const LowessBlockTask& task) noexcept {
  for (std::size_t lane = 0; lane < lowess_lanes; lane += Lanes<double>::size) lowess_block_lanes(task, lane);
}
