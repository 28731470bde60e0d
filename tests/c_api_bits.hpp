#pragma once
// The suite CApiBits, whose tests hold the C interface against the bits of the C++ one, and its data. Its files have
// ATTNPOOL_MCYCLE; test_c_api.cpp puts the suite on every ISA.
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "c_api.hpp"
#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {

/// The motorcycle data: acceleration of the head [133, 1] against the time after the impact [133, 1]. Queries are the
/// times moved by half a millisecond.
template <class T>
Problem<T> motorcycle() {
  std::ifstream file(ATTNPOOL_MCYCLE);
  std::string line;
  std::getline(file, line);
  std::vector<double> times, accelerations;
  double time = 0, acceleration = 0;
  for (char comma = 0; file >> time >> comma >> acceleration;)
    times.push_back(time), accelerations.push_back(acceleration);
  EXPECT_EQ(times.size(), 133u) << ATTNPOOL_MCYCLE;
  Problem<T> problem{Matrix<T>::column(times), Matrix<T>::column(times), Matrix<T>::column(accelerations),
                     Gaussian::from_bandwidth(1.5)};
  for (std::size_t q = 0; q < problem.queries.rows(); ++q) problem.queries(q, 0) += T(0.5);
  return problem;
}

/// The same in three dimensions (time and its square and cube, scaled) with two value columns, one w per dimension, all
/// rows strided.
template <class T>
Problem<T> strided_motorcycle() {
  const Problem<T> flat = motorcycle<T>();
  const std::size_t n = flat.keys.rows();
  Problem<T> problem{Matrix<T>(n, 3, 5), Matrix<T>(n, 3, 4), Matrix<T>(n, 2, 7), Gaussian({0.5, 0.25, -0.75})};
  for (std::size_t i = 0; i < n; ++i) {
    for (auto [to, from] : {std::pair{&problem.queries, &flat.queries}, {&problem.keys, &flat.keys}})
      for (std::size_t d = 0; d < 3; ++d)
        (*to)(i, d) = static_cast<T>(10 * std::pow((*from)(i, 0) / 57.6, static_cast<double>(d + 1)));
    problem.values(i, 0) = flat.values(i, 0);
    problem.values(i, 1) = static_cast<T>(i);
  }
  return problem;
}

class CApiBits : public IsaTest {};

}  // namespace attnpool::test
