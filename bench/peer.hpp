#pragma once
#include <cstddef>

// What is measured, in raw pointers: the peers' files are compiled with AVX2 flags and may run only after the CPU was
// asked, so nothing here drags standard-library templates into them.
namespace bench {

/// Nadaraya-Watson regression: queries [Q, D], keys [K, D], values [K, V], out [Q, V], one w, row-major without
/// padding.
template <class T>
struct Pool {
  const T* queries;
  const T* keys;
  const T* values;
  T* out;
  std::size_t query_count, key_count, dims, value_cols;
  double w;
  int threads;
  double tolerance = 0;        // that the answer may have, of the range of the values; 0: what the implementation likes
  bool leave_one_out = false;  // query i does not see key i
  std::size_t data = 0;        // which data these are, for implementations that keep something from call to call
};

/// Mean squared error of predicting the values at the keys, each from the others, for each w; V = 1.
template <class T>
struct Scores {
  Pool<T> pool;  // queries, out and w are not used
  const double* w;
  double* losses;  // the result
  std::size_t count;
};

/// Mean squared error of predicting targets [Q] and its derivative in w; V = 1.
template <class T>
struct Gradient {
  Pool<T> pool;  // out is not used
  const T* targets;
  double loss, gradient;  // the result
};

/// Softmax of every row; out may be scores.
template <class T>
struct Softmax {
  const T* scores;
  T* out;
  std::size_t rows, cols;
  int threads;
};

/// What an implementation offers for one element type; null where it does not.
template <class T>
struct Functions {
  void (*pool)(const Pool<T>&) = nullptr;
  void (*gradient)(Gradient<T>&) = nullptr;
  void (*softmax)(const Softmax<T>&) = nullptr;
  void (*exp)(const T* x, T* out, std::size_t count) = nullptr;
  /// Many problems, one after the other in memory, in one call. `first` is the first of them.
  void (*pool_batch)(std::size_t problems, const Pool<T>& first) = nullptr;
  /// pool(), with what can be made ready before the queries are known made ready in the first call with these data.
  void (*prepared_pool)(const Pool<T>&) = nullptr;
  void (*scores)(const Scores<T>&) = nullptr;
  /// Seconds that pool() is expected to take; null: those of all pairs, one after the other.
  double (*predicted)(const Pool<T>&) = nullptr;
};

struct Implementation {
  const char* name;
  const char* isa;  // its own, or null: whatever ISA the library is told to use
  Functions<float> f32;
  Functions<double> f64;
  bool one_value_column = false;  // its pool() does V = 1 only
  bool nonpositive = false;       // its exp() does x <= 0 only
  bool one_dimension = false;     // its pool() does D = 1 only
  bool limit = false;             // touches the memory, computes nothing
  bool follows_options = false;   // heeds Pool's tolerance and leave_one_out
  bool elsewhere = false;         // in another process, whose time is not this thread's

  template <class T>
  const Functions<T>& functions() const {
    if constexpr (sizeof(T) == sizeof(float)) {
      return f32;
    } else {
      return f64;
    }
  }
};

// Constant-initialised tables, each in its own file. The AVX2 ones exist where CMake found what they need.
extern const Implementation ours;                     // the library
extern const Implementation ours_dense, ours_pruned;  // told which plan to use
extern const Implementation ours_nonpositive;         // its exp for x <= 0
extern const Implementation reference;                // its textbook functions
extern const Implementation eigen_peer, libmvec_peer, xsimd_peer, sleef_peer, highway_peer, openblas_peer, onednn_peer,
    scipy_peer;
extern const Implementation memory_limit;  // reads what a one-query pool() reads, copies what softmax() copies

/// The ISA of the routines that OpenBLAS chose when it was loaded (the environment variable OPENBLAS_CORETYPE decides).
const char* openblas_isa();

}  // namespace bench
