// Eigen's vectors and matrices in and out, without a copy.
#include <attnpool/attnpool.hpp>
#include <attnpool/eigen.hpp>
#include <cmath>
#include <cstdio>
#include <utility>

int main() {
  // One dimension: vectors.
  const Eigen::VectorXd x = Eigen::VectorXd::LinSpaced(200, 0, 6);
  const Eigen::VectorXd y = x.array().sin();
  const Eigen::VectorXd at = Eigen::VectorXd::LinSpaced(5, 0.5, 5.5);
  const Eigen::VectorXd curve = attnpool::eigen::pool(at, x, y, attnpool::Gaussian::from_bandwidth(0.1));
  const double error = (curve.array() - at.array().sin()).abs().maxCoeff();
  std::printf("largest difference to the sine: %.4f\n", error);

  // Several: row-major matrices, and views of them for every other function.
  attnpool::eigen::RowMajorMatrix<double> keys(200, 2);
  keys.col(0) = x;
  keys.col(1) = (10 * x.array()).cos();
  const attnpool::Selection found =
      attnpool::select_bandwidth<double>(attnpool::eigen::view(std::as_const(keys)), attnpool::eigen::view(y));
  std::printf("bandwidths %.3f and %.3f\n", 1 / found.w[0], 1 / found.w[1]);
  return error < 0.02 ? 0 : 1;
}
