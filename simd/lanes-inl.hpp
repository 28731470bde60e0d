// The dozen operations that the routines are written in, over one register of N lanes. xsimd supplies the register types
// and the arithmetic; what it lacks or does differently from ISA to ISA is here, on intrinsics:
//   fma    xsimd 8 has none for AVX-512 (it multiplies, then adds)
//   min    x86 returns the second operand if one is NaN, NEON returns NaN; here always a < b ? a : b
//   2^n    one shift and one integer addition
// ISAs without fused multiply-add (scalar, SSE2) multiply and then add, so that their results agree bit for bit.

template <class T>
struct Float;  // constants of the format

template <>
struct Float<float> {
  static constexpr float shifter = 0x1.8p23f;   // x + shifter rounds x to an integer and leaves it in the low bits
  static constexpr float max_exponent = 126.f;  // 2^-126 is the smallest normal number
  static constexpr float largest = 0x1.fffffep127f;
  static constexpr float smallest = 0x1p-126f;
};
template <>
struct Float<double> {
  static constexpr double shifter = 0x1.8p52;
  static constexpr double max_exponent = 1022.;
  static constexpr double largest = 0x1.fffffffffffffp1023;
  static constexpr double smallest = 0x1p-1022;
};

#if defined(ATTNPOOL_SCALAR_LANES)

inline constexpr bool has_fma = false;

template <class T>
struct Lanes {
  static constexpr std::size_t size = 1;
  T v;
  Lanes() = default;
  Lanes(T x) : v(x) {}
  static Lanes load_unaligned(const T* p) { return *p; }
  void store_unaligned(T* p) const { *p = v; }
};
template <class T>
inline Lanes<T> operator+(Lanes<T> a, Lanes<T> b) {
  return a.v + b.v;
}
template <class T>
inline Lanes<T> operator-(Lanes<T> a, Lanes<T> b) {
  return a.v - b.v;
}
template <class T>
inline Lanes<T> operator*(Lanes<T> a, Lanes<T> b) {
  return a.v * b.v;
}
template <class T>
inline Lanes<T> fma(Lanes<T> a, Lanes<T> b, Lanes<T> c) {
  return a.v * b.v + c.v;
}
template <class T>
inline Lanes<T> fnma(Lanes<T> a, Lanes<T> b, Lanes<T> c) {
  return c.v - a.v * b.v;
}
template <class T>
inline Lanes<T> min(Lanes<T> a, Lanes<T> b) {
  return a.v < b.v ? a : b;
}
template <class T>
inline Lanes<T> max(Lanes<T> a, Lanes<T> b) {
  return a.v > b.v ? a : b;
}
template <class T>
inline Lanes<T> if_less(Lanes<T> a, Lanes<T> b, Lanes<T> x, Lanes<T> y) {
  return a.v < b.v ? x : y;
}
template <class T>
inline bool all_within(Lanes<T> x, T bound) {
  return -bound < x.v && x.v < bound;
}
template <class T>
inline Lanes<T> operator/(Lanes<T> a, Lanes<T> b) {
  return a.v / b.v;
}
template <class T>
inline Lanes<T> square_root(Lanes<T> x) {
  if constexpr (sizeof(T) == 4) {
    return __builtin_sqrtf(x.v);
  } else {
    return __builtin_sqrt(x.v);
  }
}
inline Lanes<float> add_exponent(Lanes<float> x, Lanes<float> n) {
  return __builtin_bit_cast(float, __builtin_bit_cast(unsigned, x.v) + (__builtin_bit_cast(unsigned, n.v) << 23));
}
inline Lanes<double> add_exponent(Lanes<double> x, Lanes<double> n) {
  using bits = unsigned long long;
  return __builtin_bit_cast(double, __builtin_bit_cast(bits, x.v) + (__builtin_bit_cast(bits, n.v) << 52));
}
template <class T>
struct Bits {
  using type = unsigned;
};
template <>
struct Bits<double> {
  using type = unsigned long long;
};
template <class T>
inline typename Bits<T>::type bits_of(Lanes<T> x) {
  return __builtin_bit_cast(typename Bits<T>::type, x.v);
}
template <class T>
inline Lanes<T> from_bits(typename Bits<T>::type x) {
  return __builtin_bit_cast(T, x);
}

#else

template <class T>
using Lanes = xsimd::batch<T, arch>;

#if defined(__FMA__) || defined(__aarch64__)
inline constexpr bool has_fma = true;
#else
inline constexpr bool has_fma = false;
#endif

// a < b ? x : y, per lane; y where a or b is NaN.
template <class T>
inline Lanes<T> if_less(Lanes<T> a, Lanes<T> b, Lanes<T> x, Lanes<T> y) {
  return xsimd::select(a < b, x, y);
}

template <class T>
inline Lanes<T> square_root(Lanes<T> x) {
  return xsimd::sqrt(x);
}

template <class T>
struct Bits {
  using type = xsimd::batch<xsimd::as_unsigned_integer_t<T>, arch>;
};
template <class T>
inline typename Bits<T>::type bits_of(Lanes<T> x) {
  return xsimd::bitwise_cast<typename Bits<T>::type>(x);
}
template <class T>
inline Lanes<T> from_bits(typename Bits<T>::type x) {
  return xsimd::bitwise_cast<Lanes<T> >(x);
}

// |x| < bound in every lane; false if one is NaN.
template <class T>
inline bool all_within(Lanes<T> x, T bound) {
  return xsimd::all(xsimd::abs(x) < Lanes<T>(bound));
}

#if defined(__SSE2__)
// One line per operation and register; `bits` shifts n's low bits into the exponent field and adds them to x.
#define ATTNPOOL_X86(T, R, P, S, FMA, FNMA)                                       \
  inline Lanes<T> fma(Lanes<T> a, Lanes<T> b, Lanes<T> c) { return FMA; }         \
  inline Lanes<T> fnma(Lanes<T> a, Lanes<T> b, Lanes<T> c) { return FNMA; }       \
  inline Lanes<T> min(Lanes<T> a, Lanes<T> b) { return P##_min_##S(R(a), R(b)); } \
  inline Lanes<T> max(Lanes<T> a, Lanes<T> b) { return P##_max_##S(R(a), R(b)); }
#if defined(__AVX512F__)
ATTNPOOL_X86(float, __m512, _mm512, ps, _mm512_fmadd_ps(a, b, c), _mm512_fnmadd_ps(a, b, c))
ATTNPOOL_X86(double, __m512d, _mm512, pd, _mm512_fmadd_pd(a, b, c), _mm512_fnmadd_pd(a, b, c))
inline Lanes<float> add_exponent(Lanes<float> x, Lanes<float> n) {
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), _mm512_slli_epi32(_mm512_castps_si512(n), 23)));
}
inline Lanes<double> add_exponent(Lanes<double> x, Lanes<double> n) {
  return _mm512_castsi512_pd(_mm512_add_epi64(_mm512_castpd_si512(x), _mm512_slli_epi64(_mm512_castpd_si512(n), 52)));
}
#elif defined(__AVX2__)
ATTNPOOL_X86(float, __m256, _mm256, ps, _mm256_fmadd_ps(a, b, c), _mm256_fnmadd_ps(a, b, c))
ATTNPOOL_X86(double, __m256d, _mm256, pd, _mm256_fmadd_pd(a, b, c), _mm256_fnmadd_pd(a, b, c))
inline Lanes<float> add_exponent(Lanes<float> x, Lanes<float> n) {
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), _mm256_slli_epi32(_mm256_castps_si256(n), 23)));
}
inline Lanes<double> add_exponent(Lanes<double> x, Lanes<double> n) {
  return _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(x), _mm256_slli_epi64(_mm256_castpd_si256(n), 52)));
}
#else
ATTNPOOL_X86(float, __m128, _mm, ps, a* b + c, c - a * b)
ATTNPOOL_X86(double, __m128d, _mm, pd, a* b + c, c - a * b)
inline Lanes<float> add_exponent(Lanes<float> x, Lanes<float> n) {
  return _mm_castsi128_ps(_mm_add_epi32(_mm_castps_si128(x), _mm_slli_epi32(_mm_castps_si128(n), 23)));
}
inline Lanes<double> add_exponent(Lanes<double> x, Lanes<double> n) {
  return _mm_castsi128_pd(_mm_add_epi64(_mm_castpd_si128(x), _mm_slli_epi64(_mm_castpd_si128(n), 52)));
}
#endif
#undef ATTNPOOL_X86
#elif defined(__aarch64__)
inline Lanes<float> fma(Lanes<float> a, Lanes<float> b, Lanes<float> c) { return vfmaq_f32(c, a, b); }
inline Lanes<float> fnma(Lanes<float> a, Lanes<float> b, Lanes<float> c) { return vfmsq_f32(c, a, b); }
inline Lanes<float> min(Lanes<float> a, Lanes<float> b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
inline Lanes<float> max(Lanes<float> a, Lanes<float> b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
inline Lanes<float> add_exponent(Lanes<float> x, Lanes<float> n) {
  return vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(x), vshlq_n_u32(vreinterpretq_u32_f32(n), 23)));
}
inline Lanes<double> fma(Lanes<double> a, Lanes<double> b, Lanes<double> c) { return vfmaq_f64(c, a, b); }
inline Lanes<double> fnma(Lanes<double> a, Lanes<double> b, Lanes<double> c) { return vfmsq_f64(c, a, b); }
inline Lanes<double> min(Lanes<double> a, Lanes<double> b) { return vbslq_f64(vcltq_f64(a, b), a, b); }
inline Lanes<double> max(Lanes<double> a, Lanes<double> b) { return vbslq_f64(vcgtq_f64(a, b), a, b); }
inline Lanes<double> add_exponent(Lanes<double> x, Lanes<double> n) {
  return vreinterpretq_f64_u64(vaddq_u64(vreinterpretq_u64_f64(x), vshlq_n_u64(vreinterpretq_u64_f64(n), 52)));
}
#endif
#endif

template <class T>
inline Lanes<T> load_lanes(const T* p) {
  return Lanes<T>::load_unaligned(p);
}
template <class T>
inline void store_lanes(T* p, Lanes<T> x) {
  x.store_unaligned(p);
}

// A store to a 64-byte aligned address that passes by the caches, where the ISA has one; stream_fence() before others
// read it.
#if defined(__SSE2__) && !defined(ATTNPOOL_SCALAR_LANES)
#if defined(__AVX512F__)
inline void stream_lanes(float* p, Lanes<float> x) { _mm512_stream_ps(p, x); }
inline void stream_lanes(double* p, Lanes<double> x) { _mm512_stream_pd(p, x); }
#elif defined(__AVX2__)
inline void stream_lanes(float* p, Lanes<float> x) { _mm256_stream_ps(p, x); }
inline void stream_lanes(double* p, Lanes<double> x) { _mm256_stream_pd(p, x); }
#else
inline void stream_lanes(float* p, Lanes<float> x) { _mm_stream_ps(p, x); }
inline void stream_lanes(double* p, Lanes<double> x) { _mm_stream_pd(p, x); }
#endif
inline void stream_fence() { _mm_sfence(); }
#else
template <class T>
inline void stream_lanes(T* p, Lanes<T> x) {
  store_lanes(p, x);
}
inline void stream_fence() {}
#endif

// Row routines reduce over 16 virtual lanes on every ISA and fold them in one fixed order, so that a sum has the same
// bits whatever the register width. Each group is 16 / N registers.
template <class T>
struct Group {
  static constexpr std::size_t size = 16;
  static constexpr std::size_t registers = size / Lanes<T>::size;
  Lanes<T> r[registers];
};
template <class T>
inline Group<T> load_group(const T* p) {
  Group<T> g;
  for (std::size_t i = 0; i < g.registers; ++i) g.r[i] = load_lanes(p + i * Lanes<T>::size);
  return g;
}
template <class T>
inline void store_group(T* p, const Group<T>& g) {
  for (std::size_t i = 0; i < g.registers; ++i) store_lanes(p + i * Lanes<T>::size, g.r[i]);
}
template <class T>
inline Group<T> broadcast_group(T x) {
  Group<T> g;
  for (std::size_t i = 0; i < g.registers; ++i) g.r[i] = Lanes<T>(x);
  return g;
}
// Halves are added to halves, first whole registers: lane i to lane i + 8, then i + 4, i + 2, i + 1.
template <class T>
inline T sum_of(Group<T> g) {
  for (std::size_t half = g.registers / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) g.r[i] = g.r[i] + g.r[i + half];
  T x[Lanes<T>::size];
  store_lanes(x, g.r[0]);
  for (std::size_t half = Lanes<T>::size / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) x[i] += x[i + half];
  return x[0];
}
template <class T>
inline T max_of(const Group<T>& g) {
  Lanes<T> m = g.r[0];
  for (std::size_t i = 1; i < g.registers; ++i) m = max(m, g.r[i]);
  T x[Lanes<T>::size];
  store_lanes(x, m);
  for (std::size_t i = 1; i < Lanes<T>::size; ++i) x[0] = x[i] > x[0] ? x[i] : x[0];
  return x[0];
}

// Note [Tails]. body(p, n) sees 16 elements at p; the last n < 16 of an array are staged through a padded copy, so that
// nothing outside the array is touched and the arithmetic is written once.
template <class T, class Body>
inline void for_each_group(const T* x, std::size_t count, T padding, Body body) {
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) body(x + i, i, std::size_t{16});
  if (i == count) return;
  T staged[16];
  for (std::size_t j = 0; j < 16; ++j) staged[j] = i + j < count ? x[i + j] : padding;
  body(staged, i, count - i);
}
template <class T>
inline void store_group(T* out, const Group<T>& g, std::size_t n) {
  if (n == 16) return store_group(out, g);
  T staged[16];
  store_group(staged, g);
  for (std::size_t j = 0; j < n; ++j) out[j] = staged[j];
}
