#pragma once
// Memory that catches what a routine must not do: every buffer of these tests ends (or begins) at a page that faults
// when touched, is filled with NaN before use, and every gap between rows is watched.
#include <sys/mman.h>
#include <unistd.h>

#include <attnpool/view.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>
#include <vector>

namespace attnpool::test {

/// Where the forbidden page lies: right after the last byte, or right before the first one.
enum class Edge { end, begin };

/// ATTNPOOL_TEST_GUARDS=off leaves the pages open: qemu 7.2 reads the whole register at a masked load (vmaskmovps), which
/// a CPU does not.
inline bool guards_are_on() {
  static const bool on = [] {
    const char* text = std::getenv("ATTNPOOL_TEST_GUARDS");
    return text == nullptr || std::strcmp(text, "off") != 0;
  }();
  return on;
}

/// Exactly `count` elements, all NaN, beside a forbidden page. A buffer that ends at the page begins at any multiple of
/// sizeof(T), so counts of every parity also give every alignment.
template <class T>
class GuardedBuffer {
 public:
  explicit GuardedBuffer(std::size_t count, Edge edge = Edge::end) : count_(count) {
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t payload = (count * sizeof(T) + page - 1) / page * page;
    mapped_ = payload + page;
    base_ = static_cast<char*>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED) throw std::bad_alloc();
    if (guards_are_on()) mprotect(edge == Edge::end ? base_ + payload : base_, page, PROT_NONE);
    data_ = reinterpret_cast<T*>(edge == Edge::end ? base_ + payload - count * sizeof(T) : base_ + page);
    for (std::size_t i = 0; i < count; ++i) data_[i] = std::numeric_limits<T>::quiet_NaN();
  }
  ~GuardedBuffer() { munmap(base_, mapped_); }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  T* data() const { return data_; }
  std::size_t size() const { return count_; }
  T& operator[](std::size_t i) const { return data_[i]; }

 private:
  std::size_t count_, mapped_ = 0;
  char* base_ = nullptr;
  T* data_ = nullptr;
};

/// An owned matrix in a GuardedBuffer: the last row has no padding, so that one element too far is a fault.
template <class T>
class Matrix {
 public:
  Matrix() : Matrix(0, 0) {}
  Matrix(std::size_t rows, std::size_t cols) : Matrix(rows, cols, cols) {}
  Matrix(std::size_t rows, std::size_t cols, std::size_t row_stride, Edge edge = Edge::end)
      : rows_(rows),
        cols_(cols),
        row_stride_(row_stride),
        edge_(edge),
        buffer_(new GuardedBuffer<T>(rows == 0 ? 0 : (rows - 1) * row_stride + cols, edge)) {}
  Matrix(const Matrix& other) : Matrix(other.rows_, other.cols_, other.row_stride_, other.edge_) {
    std::memcpy(data(), other.data(), buffer_->size() * sizeof(T));
  }
  Matrix(Matrix&& other) noexcept
      : rows_(other.rows_),
        cols_(other.cols_),
        row_stride_(other.row_stride_),
        edge_(other.edge_),
        buffer_(other.buffer_) {
    other.buffer_ = nullptr;
  }
  Matrix& operator=(Matrix other) noexcept {
    std::swap(rows_, other.rows_), std::swap(cols_, other.cols_), std::swap(row_stride_, other.row_stride_);
    std::swap(edge_, other.edge_), std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~Matrix() { delete buffer_; }
  static Matrix of(std::size_t rows, std::size_t cols, const std::vector<double>& entries) {
    Matrix m(rows, cols);
    for (std::size_t i = 0; i < entries.size(); ++i) m.data()[i] = static_cast<T>(entries[i]);
    return m;
  }
  static Matrix column(const std::vector<double>& entries) { return of(entries.size(), 1, entries); }

  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  T* data() const { return buffer_->data(); }
  T& operator()(std::size_t r, std::size_t c) const { return data()[r * row_stride_ + c]; }
  MatrixView<T> view() const { return {data(), rows_, cols_, row_stride_}; }
  MatrixView<const T> in() const { return view(); }
  /// Rows first .. first + count - 1, as an input.
  MatrixView<const T> rows(std::size_t first, std::size_t count) const {
    return {data() + first * row_stride_, count, cols_, row_stride_};
  }
  operator MatrixView<T>() const { return view(); }        // NOLINT: implicit, so that a Matrix is passed as it is
  operator MatrixView<const T>() const { return view(); }  // NOLINT

  /// A copy with another row stride or edge, same entries.
  Matrix restrided(std::size_t row_stride, Edge edge = Edge::end) const {
    Matrix copy(rows_, cols_, row_stride, edge);
    for (std::size_t r = 0; r < rows_; ++r)
      for (std::size_t c = 0; c < cols_; ++c) copy(r, c) = (*this)(r, c);
    return copy;
  }
  void fill(T value) {
    for (std::size_t r = 0; r < rows_; ++r)
      for (std::size_t c = 0; c < cols_; ++c) (*this)(r, c) = value;
  }
  /// Everything that lies between the rows is still the NaN that it was filled with.
  bool gaps_untouched() const {
    const T nan = std::numeric_limits<T>::quiet_NaN();
    for (std::size_t r = 0; r + 1 < rows_; ++r)
      for (std::size_t c = cols_; c < row_stride_; ++c)
        if (std::memcmp(&(*this)(r, c), &nan, sizeof(T)) != 0) return false;
    return true;
  }

 private:
  std::size_t rows_, cols_, row_stride_;
  Edge edge_;
  GuardedBuffer<T>* buffer_;
};

/// Same shape and same bits (NaN equals the same NaN; +0 differs from -0).
template <class T>
bool same_bits(MatrixView<const T> a, MatrixView<const T> b) {
  if (a.rows != b.rows || a.cols != b.cols) return false;
  for (std::size_t r = 0; r < a.rows; ++r)
    if (a.cols != 0 && std::memcmp(a.row(r), b.row(r), a.cols * sizeof(T)) != 0) return false;
  return true;
}
template <class T>
bool same_bits(const Matrix<T>& a, const Matrix<T>& b) {
  return same_bits<T>(a.in(), b.in());
}
template <class T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

/// FNV-1a over the bytes of results: equal hashes stand for equal bits, across ISAs and across machines.
class Hash {
 public:
  template <class T>
  void add(const T* data, std::size_t count) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < count * sizeof(T); ++i) value_ = (value_ ^ bytes[i]) * 0x100000001b3u;
  }
  template <class T>
  void add(const Matrix<T>& m) {
    for (std::size_t r = 0; r < m.rows(); ++r) add(&m(r, 0), m.cols());
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

}  // namespace attnpool::test
