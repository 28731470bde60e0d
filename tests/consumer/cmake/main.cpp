// Nadaraya-Watson regression of three points, through find_package(attnpool).
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <cstdio>
#include <vector>
#ifdef WITH_EIGEN
#include <attnpool/eigen.hpp>
#endif

int main() {
  const std::vector<double> keys = {0, 1, 2}, values = {1, 3, 5}, queries = {1};
  std::vector<double> out(1);
  attnpool::pool<double>({queries.data(), 1, 1}, {keys.data(), 3, 1}, {values.data(), 3, 1},
                         attnpool::Gaussian::from_bandwidth(0.5), {out.data(), 1, 1});
  bool good = std::abs(out[0] - 3) < 1e-12;  // by symmetry
#ifdef WITH_EIGEN
  const Eigen::Vector3d k(0, 1, 2), v(1, 3, 5);
  good = good && std::abs(attnpool::eigen::pool(k.segment<1>(1), k, v, attnpool::Gaussian(2.0))(0, 0) - 3) < 1e-12;
#endif
  std::printf("attnpool %s: %g, %s\n", attnpool::version(), out[0], good ? "as expected" : "WRONG");
  return good ? 0 : 1;
}
