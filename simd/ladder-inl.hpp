// Leave-one-out sums of one-dimensional regression at several bandwidths in one pass. At a bandwidth sqrt(2) times as short a
// Gaussian weight is the square, so that ladder_steps bandwidths take one exponential (13 operations) and 3 operations a
// bandwidth: 5.6 for each instead of 15. Lanes are queries; exponents count from each query's nearest other key.
template <int R>
inline void ladder_group(const LadderTask& task, std::size_t lane) {
  constexpr std::size_t N = Lanes<double>::size;
  const Lanes<double> scale(task.scale), most(ladder_exponent), zero(0.0);
  Lanes<double> query[R], nearest[R], weights[ladder_steps][R], values[ladder_steps][R];
  for (int r = 0; r < R; ++r) {
    query[r] = load_lanes(task.queries + lane + r * N);
    nearest[r] = zero - load_lanes(task.nearest + lane + r * N);
    for (std::size_t s = 0; s < ladder_steps; ++s) weights[s][r] = values[s][r] = zero;
  }
  for (std::size_t k = 0; k < task.key_count; ++k) {
    const Lanes<double> key(task.keys[k]), a(task.weights[k]), b(task.values[k]);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Lanes<double> delta = (query[r] - key) * scale;
      // The query's own key is nearer than the nearest other: its weight is clamped to 1, and taken off by the caller.
      Lanes<double> w = exp2_of_minus<double>(min(max(fma(delta, delta, nearest[r]), zero), most));
#pragma GCC unroll 8
      for (std::size_t s = 0; s < ladder_steps; ++s) {
        weights[s][r] = fma(w, a, weights[s][r]);
        values[s][r] = fma(w, b, values[s][r]);
        w = w * w;
      }
    }
  }
  for (std::size_t s = 0; s < ladder_steps; ++s)
    for (int r = 0; r < R; ++r) {
      store_lanes(task.sums + (2 * s) * ladder_lanes + lane + r * N, weights[s][r]);
      store_lanes(task.sums + (2 * s + 1) * ladder_lanes + lane + r * N, values[s][r]);
    }
}

// One bandwidth, and sums of e times weights and values beside theirs.
template <int R>
inline void rung_group(const LadderTask& task, std::size_t lane) {
  constexpr std::size_t N = Lanes<double>::size;
  const Lanes<double> scale(task.scale), most(ladder_exponent), zero(0.0);
  Lanes<double> query[R], nearest[R], sums[4][R];
  for (int r = 0; r < R; ++r) {
    query[r] = load_lanes(task.queries + lane + r * N);
    nearest[r] = zero - load_lanes(task.nearest + lane + r * N);
    for (auto& sum : sums) sum[r] = zero;
  }
  for (std::size_t k = 0; k < task.key_count; ++k) {
    const Lanes<double> key(task.keys[k]), a(task.weights[k]), b(task.values[k]);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Lanes<double> delta = (query[r] - key) * scale;
      const Lanes<double> e = min(max(fma(delta, delta, nearest[r]), zero), most);
      const Lanes<double> w = exp2_of_minus<double>(e), of_exponent = w * e;
      sums[0][r] = fma(w, a, sums[0][r]);
      sums[1][r] = fma(w, b, sums[1][r]);
      sums[2][r] = fma(of_exponent, a, sums[2][r]);
      sums[3][r] = fma(of_exponent, b, sums[3][r]);
    }
  }
  for (std::size_t s = 0; s < 4; ++s)
    for (int r = 0; r < R; ++r) store_lanes(task.sums + s * ladder_lanes + lane + r * N, sums[s][r]);
}

// Two registers of queries where there are 32 registers.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int ladder_registers = 2;
#else
constexpr int ladder_registers = 1;
#endif

inline void ladder(const LadderTask& task) noexcept {
  constexpr std::size_t step = ladder_registers * Lanes<double>::size;
  for (std::size_t lane = 0; lane < ladder_lanes; lane += step) ladder_group<ladder_registers>(task, lane);
}

inline void rung(const LadderTask& task) noexcept {
  constexpr std::size_t step = ladder_registers * Lanes<double>::size;
  for (std::size_t lane = 0; lane < ladder_lanes; lane += step) rung_group<ladder_registers>(task, lane);
}
