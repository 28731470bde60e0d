// Exponentials. Coefficients: tools/constants/exp.sollya.
//   identity   2^x = 2^n 2^r,   n = round(x),         r = x - n in [-1/2, 1/2]
//              e^x = 2^n e^r,   n = round(x / ln 2),  r = x - n ln 2
//   rounding   t = x + shifter leaves n in the low bits of t; t - shifter is n as a number
//   2^n        add_exponent: the bits of n are shifted into the exponent field

// Coefficients c[i] of r^(i + 1), lowest first; the constant term is 1.
template <class T>
struct Exp2Polynomial;
template <>
struct Exp2Polynomial<float> {  // relative error 2^-23.3
  static constexpr int degree = 5;
  static constexpr float c[] = {0x1.62e42ap-1f, 0x1.ebf9bap-3f, 0x1.c6b69ap-5f, 0x1.3ceaf8p-7f, 0x1.5bfd56p-10f};
};
template <>
struct Exp2Polynomial<double> {  // relative error 2^-52.0
  static constexpr int degree = 10;
  static constexpr double c[] = {
      0x1.62e42fefa3a12p-1,  0x1.ebfbdff82c431p-3,  0x1.c6b08d703e18ep-5,  0x1.3b2ab6fbd6dcp-7,  0x1.5d87fe9b8d2ddp-10,
      0x1.4309126bdfdbbp-13, 0x1.ffcb58ce6948ap-17, 0x1.62c147ef35fb5p-20, 0x1.b671af8c4af5p-24, 0x1.e3a88e84fa19ep-28};
};

// 2^r for r in [-1/2, 1/2].
template <class T>
inline Lanes<T> exp2_reduced(Lanes<T> r) {
  using P = Exp2Polynomial<T>;
  Lanes<T> p(P::c[P::degree - 1]);
#pragma GCC unroll 16
  for (int i = P::degree - 2; i >= 0; --i) p = fma(p, r, Lanes<T>(P::c[i]));
  return fma(p, r, Lanes<T>(T(1)));
}

// 2^-e for 0 <= e <= max_exponent. The inner weight function: no special cases, 3 + degree + 2 operations.
template <class T>
inline Lanes<T> exp2_of_minus(Lanes<T> e) {
  const Lanes<T> shifter(Float<T>::shifter);
  const Lanes<T> t = shifter - e;        // low bits: -n
  const Lanes<T> r = (shifter - t) - e;  // n - e, exact
  return add_exponent(exp2_reduced<T>(r), t);
}

// 2^-(d^2), |d|^2 <= max_exponent: with fma the square is never rounded.
template <class T>
inline Lanes<T> gaussian_1d(Lanes<T> d) {
  const Lanes<T> shifter(Float<T>::shifter);
  const Lanes<T> t = fnma(d, d, shifter);
  const Lanes<T> r = fnma(d, d, shifter - t);
  return add_exponent(exp2_reduced<T>(r), t);
}

// log2(1 + x) for 0 <= x < largest: 1 + x = 2^k m with m in [sqrt(1/2), sqrt(2)), and log2(m) = 2 / ln 2 atanh(s),
// s = (m - 1) / (m + 1), by its Taylor series (|s| < 0.172). What rounding took from 1 + x is added in the end, so that the error
// is a few roundings of the result however small x is.
template <class T>
inline Lanes<T> log2_of_one_plus(Lanes<T> x) {
  using B = typename Bits<T>::type;
  constexpr int mantissa = sizeof(T) == 4 ? 23 : 52, terms = sizeof(T) == 4 ? 5 : 11;
  const T half_root = T(0.70710678118654752440), two_per_ln2 = T(2.88539008177792681472);
  const Lanes<T> one(T(1)), y = one + x;
  const B k = (bits_of<T>(y) - bits_of<T>(Lanes<T>(half_root))) >> mantissa;
  const Lanes<T> m = from_bits<T>(bits_of<T>(y) - (k << mantissa));
  const Lanes<T> magic(Float<T>::shifter / T(1.5));  // 2^mantissa, whose low bits are free
  const Lanes<T> number = from_bits<T>(bits_of<T>(magic) | k) - magic;
  const Lanes<T> s = (m - one) / (m + one), square = s * s;
  Lanes<T> p(two_per_ln2 / T(2 * terms - 1));
#pragma GCC unroll 16
  for (int i = terms - 2; i >= 0; --i) p = fma(p, square, Lanes<T>(two_per_ln2 / T(2 * i + 1)));
  const Lanes<T> lost = (x - (y - one)) / y;
  return number + fma(p, s, lost * Lanes<T>(two_per_ln2 / 2));
}

// e^r - 1 - r = r^2 (c[0] + c[1] r + ...), r in [-ln2/2, ln2/2].
template <class T>
struct ExpPolynomial;
template <>
struct ExpPolynomial<float> {  // relative error 2^-28.2
  static constexpr int terms = 5;
  static constexpr float c[] = {0x1.fffffap-2f, 0x1.555492p-3f, 0x1.555a26p-5f, 0x1.12397cp-7f, 0x1.694c86p-10f};
  static constexpr float log2e = 0x1.715476p+0f;
  static constexpr float ln2_hi = 0x1.62e4p-1f, ln2_lo = 0x1.7f7d1cp-20f;  // ln2_hi has 15 bits: n * ln2_hi is exact
  static constexpr float largest_exponent = 129.f;                         // 2^129 overflows whatever the mantissa
  static constexpr float zero_below = -104.f;                              // e^-104 < 2^-150: rounds to 0
  static constexpr float normal_from = -0x1.5d589ep+6f;                    // the first float >= log(2^-126)
};
template <>
struct ExpPolynomial<double> {  // relative error 2^-57.9
  static constexpr int terms = 10;
  static constexpr double c[] = {0x1.000000000000ap-1,  0x1.55555555554fep-3,  0x1.55555555506cp-5,
                                 0x1.1111111126b38p-7,  0x1.6c16c18475a3ep-10, 0x1.a01a012febadfp-13,
                                 0x1.a0199963bc07fp-16, 0x1.71df18fd0c7a2p-19, 0x1.28adf7b4d6934p-22,
                                 0x1.ad92c5dd40258p-26};
  static constexpr double log2e = 0x1.71547652b82fep+0;
  static constexpr double ln2_hi = 0x1.62e42fefa3p-1, ln2_lo = 0x1.3de6af278ece6p-42;
  static constexpr double largest_exponent = 1025.;
  static constexpr double zero_below = -746.;
  static constexpr double normal_from = -0x1.6232bdd7abcd2p+9;
};

// e^x = 2^n e^r before the scaling: returns e^r and, in t's low bits, n. A NaN passes through r; bounded, n is at most
// largest_exponent and +inf gives +inf.
template <class T, bool Bounded = true>
inline Lanes<T> exp_reduced(Lanes<T> x, Lanes<T>& t) {
  using P = ExpPolynomial<T>;
  const Lanes<T> shifter(Float<T>::shifter);
  t = fma(x, Lanes<T>(P::log2e), shifter);
  if constexpr (Bounded) t = min(t, Lanes<T>(Float<T>::shifter + P::largest_exponent));
  const Lanes<T> n = t - shifter;
  const Lanes<T> r = fnma(n, Lanes<T>(P::ln2_lo), fnma(n, Lanes<T>(P::ln2_hi), x));
  Lanes<T> q(P::c[P::terms - 1]);
#pragma GCC unroll 16
  for (int i = P::terms - 2; i >= 0; --i) q = fma(q, r, Lanes<T>(P::c[i]));
  // Horner to the end has one operation less and, fused, the smaller error (float: 0.86 ULP against 0.99); unfused it
  // has 1.16 against 0.97.
  const Lanes<T> one(T(1));
  if constexpr (has_fma) return fma(r, fma(r, q, one), one);
  return fma(r * r, q, r) + one;
}

// e^x on the whole line. 2^n is applied in two halves, so that overflow and gradual underflow are the last rounding.
template <class T>
inline Lanes<T> exp_lanes(Lanes<T> x) {
  const Lanes<T> shifter(Float<T>::shifter), one(T(1));
  Lanes<T> t;
  const Lanes<T> p = exp_reduced<T>(x, t);
  const Lanes<T> n = t - shifter;
  const Lanes<T> half = fma(n, Lanes<T>(T(0.5)), shifter);
  const Lanes<T> rest = (n - (half - shifter)) + shifter;
  const Lanes<T> y = p * add_exponent(one, half) * add_exponent(one, rest);
  return if_less<T>(x, Lanes<T>(ExpPolynomial<T>::zero_below), Lanes<T>(T(0)), y);
}

// e^x for x <= 0, exactly 0 where e^x is below the smallest normal number.
template <class T>
inline Lanes<T> exp_nonpositive_lanes(Lanes<T> x) {
  Lanes<T> t;
  const Lanes<T> p = exp_reduced<T, false>(x, t);
  const Lanes<T> y = p * add_exponent(Lanes<T>(T(1)), t);
  return if_less<T>(x, Lanes<T>(ExpPolynomial<T>::normal_from), Lanes<T>(T(0)), y);
}

template <class T, class F>
inline void map(const T* x, T* out, std::size_t count, F f) {
  for_each_group(x, count, T(0), [&](const T* p, std::size_t i, std::size_t n) {
    Group<T> g = load_group(p);
    for (auto& r : g.r) r = f(r);
    store_group(out + i, g, n);
  });
}
template <class T>
void exp(const T* x, T* out, std::size_t count) noexcept {
  for_each_group(x, count, T(0), [&](const T* p, std::size_t i, std::size_t n) {
    Group<T> g = load_group(p);
    bool normal = true;
    for (const auto& r : g.r) normal &= all_within<T>(r, -ExpPolynomial<T>::normal_from);
    if (normal) {  // the same bits for 15 operations instead of 23
      for (auto& r : g.r) {
        Lanes<T> t;
        const Lanes<T> y = exp_reduced<T>(r, t);
        r = add_exponent(y, t);
      }
    } else {
      for (auto& r : g.r) r = exp_lanes<T>(r);
    }
    store_group(out + i, g, n);
  });
}
template <class T>
void exp_nonpositive(const T* x, T* out, std::size_t count) noexcept {
  map(x, out, count, [](Lanes<T> v) { return exp_nonpositive_lanes<T>(v); });
}
template <class T>
void scale(T* out, T factor, std::size_t count) noexcept {
  map<T>(out, out, count, [factor](Lanes<T> v) { return v * Lanes<T>(factor); });
}
