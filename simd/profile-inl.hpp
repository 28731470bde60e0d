// The profiles of the smoothing kernels: the weight of a pair as a function of its difference in units of the engine
// (data/units.hpp), one small type each. A profile has
//   of_square(e)       the weight from the squared distance e, which may be infinite
//   of_difference(d)   the same from a one-dimensional difference, |d| <= farthest: the place for what is cheaper so
//   decline(e)         -d weight / d e / ln 2, which is the weight itself for the Gaussian
//   farthest           larger differences are clamped, or do not come about
// Weights of compact support are computed from edge - e, edge being 1 less a few roundings, so that a key on the boundary has
// the weight 0 whichever way its distance is rounded.

template <class T>
struct GaussianProfile {
  static constexpr bool is_gaussian = true, is_custom = false;
  static constexpr T farthest = sizeof(T) == 4 ? T(9.4868) : T(30);  // sqrt(largest_exponent), rounded down
  static constexpr T largest_moment = largest_exponent<T>;
  explicit GaussianProfile(const BlockTask<T>&) {}
  Lanes<T> of_difference(Lanes<T> d) const { return gaussian_1d<T>(d); }
  Lanes<T> of_square(Lanes<T> e) const { return exp2_of_minus<T>(min(e, Lanes<T>(largest_exponent<T>))); }
  Lanes<T> decline(Lanes<T> e) const { return of_square(e); }
};

template <class T>
struct OtherProfile {
  static constexpr bool is_gaussian = false, is_custom = false;
  static constexpr T farthest = farthest_difference<T>;
  static constexpr T largest_moment = farthest * farthest;
  static constexpr T per_ln2 = T(1.44269504088896340736);
};

// max(0, edge - e), and whether it is positive, as 1 or 0.
template <class T>
struct CompactProfile : OtherProfile<T> {
  Lanes<T> edge;
  explicit CompactProfile(const BlockTask<T>& task) : edge(task.edge) {}
  Lanes<T> rest(Lanes<T> e) const { return max(edge - e, Lanes<T>(T(0))); }
  Lanes<T> rest_1d(Lanes<T> d) const { return max(fnma(d, d, edge), Lanes<T>(T(0))); }
  Lanes<T> inside(Lanes<T> e, Lanes<T> x) const { return if_less<T>(e, edge, x, Lanes<T>(T(0))); }
};

template <class T>
struct BoxcarProfile : CompactProfile<T> {
  using CompactProfile<T>::CompactProfile;
  Lanes<T> of_square(Lanes<T> e) const { return this->inside(e, Lanes<T>(T(1))); }
  Lanes<T> of_difference(Lanes<T> d) const { return of_square(d * d); }
  Lanes<T> decline(Lanes<T>) const { return Lanes<T>(T(0)); }
};

template <class T>
struct TriangularProfile : CompactProfile<T> {
  using CompactProfile<T>::CompactProfile;
  Lanes<T> of_square(Lanes<T> e) const { return this->rest(square_root<T>(e)); }
  Lanes<T> of_difference(Lanes<T> d) const { return this->rest(max(d, Lanes<T>(T(0)) - d)); }
  Lanes<T> decline(Lanes<T> e) const {  // 1 / (2 r)
    const Lanes<T> r = square_root<T>(max(e, Lanes<T>(Float<T>::smallest)));
    return this->inside(e, Lanes<T>(T(0.5) * this->per_ln2) / r);
  }
};

template <class T>
struct EpanechnikovProfile : CompactProfile<T> {
  using CompactProfile<T>::CompactProfile;
  Lanes<T> of_square(Lanes<T> e) const { return this->rest(e); }
  Lanes<T> of_difference(Lanes<T> d) const { return this->rest_1d(d); }
  Lanes<T> decline(Lanes<T> e) const { return this->inside(e, Lanes<T>(this->per_ln2)); }
};

template <class T>
struct BiweightProfile : CompactProfile<T> {
  using CompactProfile<T>::CompactProfile;
  static Lanes<T> of_rest(Lanes<T> x) { return x * x; }
  Lanes<T> of_square(Lanes<T> e) const { return of_rest(this->rest(e)); }
  Lanes<T> of_difference(Lanes<T> d) const { return of_rest(this->rest_1d(d)); }
  Lanes<T> decline(Lanes<T> e) const { return Lanes<T>(2 * this->per_ln2) * this->rest(e); }
};

template <class T>
struct TriweightProfile : CompactProfile<T> {
  using CompactProfile<T>::CompactProfile;
  static Lanes<T> of_rest(Lanes<T> x) { return x * x * x; }
  Lanes<T> of_square(Lanes<T> e) const { return of_rest(this->rest(e)); }
  Lanes<T> of_difference(Lanes<T> d) const { return of_rest(this->rest_1d(d)); }
  Lanes<T> decline(Lanes<T> e) const {
    const Lanes<T> x = this->rest(e);
    return Lanes<T>(3 * this->per_ln2) * (x * x);
  }
};

template <class T>
struct TricubeProfile : CompactProfile<T> {
  using CompactProfile<T>::CompactProfile;
  static Lanes<T> cube(Lanes<T> x) { return x * x * x; }
  Lanes<T> of_square(Lanes<T> e) const { return cube(this->rest(e * square_root<T>(e))); }
  Lanes<T> of_difference(Lanes<T> d) const {
    const Lanes<T> r = max(d, Lanes<T>(T(0)) - d);
    return cube(max(fnma(r * r, r, this->edge), Lanes<T>(T(0))));
  }
  Lanes<T> decline(Lanes<T> e) const {  // 9/2 r (1 - r^3)^2
    const Lanes<T> r = min(square_root<T>(e), Lanes<T>(T(2))), x = this->rest(r * r * r);
    return Lanes<T>(T(4.5) * this->per_ln2) * r * (x * x);
  }
};

// cos(pi/2 sqrt(e)) = (1 - e) (c[0] + c[1] e + ...) for 0 <= e <= 1, exactly 0 at the edge. tools/constants/cosine.py.
template <class T>
struct CosinePolynomial;
template <>
struct CosinePolynomial<float> {
  static constexpr float c[] = {0.9999999991226092f, -0.23370050625459746f, 0.019968606206800278f,
                                -0.0008935355014632738f, 2.3600689581301923e-05f};
  static constexpr float decline[] = {1.2337005448297882f, -0.5073387503982226f, 0.06258831549691163f,
                                      -0.003671063985939906f, 0.000119122677497138f};
};
template <>
struct CosinePolynomial<double> {
  static constexpr double c[] = {1.0,
                                 -0.23370055013616783,
                                 0.01996895776483613,
                                 -0.000894522998138162,
                                 2.47372750411264e-05,
                                 -4.6476318093539006e-07,
                                 6.318119670622831e-09,
                                 -6.30616956165683e-11};
  static constexpr double decline[] = {1.2337005501361697,     -0.507339015802078,     0.062590442289679,
                                       -0.0036770410963169386, 0.00012601019990820226, -2.826499319153838e-06,
                                       4.467594560300105e-08,  -5.065402865059962e-10};
};

template <class T>
struct CosineProfile : CompactProfile<T> {
  using CompactProfile<T>::CompactProfile;
  template <std::size_t N>
  static Lanes<T> polynomial(const T (&c)[N], Lanes<T> e) {
    Lanes<T> p(c[N - 1]);
#pragma GCC unroll 16
    for (int i = static_cast<int>(N) - 2; i >= 0; --i) p = fma(p, e, Lanes<T>(c[i]));
    return p;
  }
  Lanes<T> of_square(Lanes<T> e) const {
    e = min(e, this->edge);
    return (this->edge - e) * polynomial(CosinePolynomial<T>::c, e);
  }
  Lanes<T> of_difference(Lanes<T> d) const { return of_square(d * d); }
  Lanes<T> decline(Lanes<T> e) const {  // pi / 4 sin(pi/2 r) / r
    const Lanes<T> x = polynomial(CosinePolynomial<T>::decline, min(e, this->edge));
    return this->inside(e, Lanes<T>(this->per_ln2) * x);
  }
};

// 2^-r: units.hpp puts log2(e) into the distance.
template <class T>
struct LaplaceProfile : OtherProfile<T> {
  explicit LaplaceProfile(const BlockTask<T>&) {}
  static Lanes<T> of_distance(Lanes<T> r) { return exp2_of_minus<T>(min(r, Lanes<T>(largest_exponent<T>))); }
  Lanes<T> of_square(Lanes<T> e) const { return of_distance(square_root<T>(e)); }
  Lanes<T> of_difference(Lanes<T> d) const { return of_distance(max(d, Lanes<T>(T(0)) - d)); }
  Lanes<T> decline(Lanes<T> e) const {
    const Lanes<T> r = square_root<T>(max(e, Lanes<T>(Float<T>::smallest)));
    return of_distance(r) * Lanes<T>(T(0.5)) / r;
  }
};

// (1 + e)^-alpha = 2^(-alpha log2(1 + e)): units.hpp puts 2 alpha into the distance.
template <class T>
struct RationalProfile : OtherProfile<T> {
  Lanes<T> alpha;
  explicit RationalProfile(const BlockTask<T>& task) : alpha(task.alpha) {}
  Lanes<T> of_square(Lanes<T> e) const {
    const Lanes<T> far(sizeof(T) == 4 ? T(0x1p100) : T(0x1p900));
    const Lanes<T> exponent = alpha * log2_of_one_plus<T>(min(e, far));
    return exp2_of_minus<T>(min(exponent, Lanes<T>(largest_exponent<T>)));
  }
  Lanes<T> of_difference(Lanes<T> d) const { return of_square(d * d); }
  Lanes<T> decline(Lanes<T> e) const { return of_square(e) * (alpha * Lanes<T>(this->per_ln2)) / (Lanes<T>(T(1)) + e); }
};

// The squared distance itself, in units of the bandwidth: the caller's own function makes weights of a tile of them.
template <class T>
struct CustomProfile : OtherProfile<T> {
  static constexpr bool is_custom = true;
  explicit CustomProfile(const BlockTask<T>&) {}
  Lanes<T> of_square(Lanes<T> e) const { return e; }
  Lanes<T> of_difference(Lanes<T> d) const { return d * d; }
  Lanes<T> decline(Lanes<T> e) const { return e; }
};
